"""A rolling restart of the stack's inference service, asked for from outside and waited for.

The master does it (``services/web/master.py``); this finds that master, and reads in its record how
it goes.
"""

import os
import signal
from dataclasses import dataclass
from typing import Final

from maitred.clock import Clock
from maitred.errors import StackRefused
from services.local.folder import StackFolder
from services.local.processes import Identity, is_alive
from services.web.folder import MasterRecord, find_master

__all__ = ["Reloaded", "reload_inference"]

_NAME: Final = "inference"
_LOOK_EVERY_S: Final = 0.05
_WITHIN_S: Final = 70.0
"""For each process: a minute to become ready, and the old one's end."""


@dataclass(frozen=True, slots=True)
class Reloaded:
    """Which processes gave way to which; all are pids."""

    master: int
    old_workers: tuple[int, ...]
    new_workers: tuple[int, ...]
    companions: dict[str, int]
    seconds: float


def reload_inference(folder: StackFolder, clock: Clock) -> Reloaded:
    """Signal the master; return when every old process is gone and every new one ready.

    Raises:
        StackRefused: inference does not run or is just starting or stopping; a new process could
            not start (the old ones go on then); or it took too long.
    """
    master = _running_master(folder)
    before = _record(folder, master)
    if before is None or before.phase not in {"running", "rolling"}:
        msg = f"inference (pid {master.pid}) is {before.phase if before else 'no master of ours'}"
        raise StackRefused(msg, next_step="try again when `maitred status` says that it is healthy")
    old = {worker.pid for worker in before.workers} | set(before.companions.values())
    old |= set(before.leaving)
    started = clock.monotonic()
    os.kill(master.pid, signal.SIGHUP)
    while True:
        now = _record(folder, master)
        if now is None or not is_alive(master):
            msg = f"inference (pid {master.pid}) ended meanwhile"
            raise StackRefused(msg, next_step=f"read {folder.log(_NAME)}")
        if now.failures > before.failures:
            msg = f"the restart was given up, the old processes go on: {now.reason}"
            raise StackRefused(msg, next_step=f"read {folder.log(_NAME)}")
        took_s = clock.monotonic() - started
        if _is_through(now, old):
            break
        if took_s >= _WITHIN_S * (len(old) + 1):
            msg = f"not all of the old processes were gone after {took_s:.0f} s"
            raise StackRefused(msg, next_step=f"read {folder.log(_NAME)}")
        clock.sleep(_LOOK_EVERY_S)
    return Reloaded(
        master=master.pid,
        old_workers=tuple(worker.pid for worker in before.workers),
        new_workers=tuple(worker.pid for worker in now.workers),
        companions=now.companions,
        seconds=round(took_s, 3),
    )


def _running_master(folder: StackFolder) -> Identity:
    record = folder.read()
    entry = record.services.get(_NAME) if record is not None else None
    identity = entry.identity if entry is not None else None
    if identity is None or not is_alive(identity):
        msg = f"no inference service runs on {folder.root}"
        raise StackRefused(
            msg,
            next_step=f"maitred up --state {folder.root}; a `maitred serve` of its own takes SIGHUP",
        )
    return identity


def _record(folder: StackFolder, master: Identity) -> MasterRecord | None:
    found = find_master(folder.root, _NAME, master.pid)
    return None if found is None else found.read()


def _is_through(now: MasterRecord, old: set[int]) -> bool:
    present = {worker.pid for worker in now.workers} | set(now.companions.values())
    is_ready = bool(now.workers) and all(worker.ready for worker in now.workers)
    return now.phase == "running" and is_ready and not now.leaving and not present & old
