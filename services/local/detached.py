"""Starting a supervisor that outlives the command, and ending one from another process."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import Final

from maitred.clock import Clock
from maitred.errors import StackRefused
from maitred.settings import Settings, child_environment
from services.local.deps import explicit_fields, fetch_ahead
from services.local.folder import StackFolder
from services.local.processes import is_alive
from services.local.supervisor import clean_up

__all__ = ["start_detached", "take_down"]

_LOOK_EVERY_S: Final = 0.05
_START_WITHIN_S: Final = 180.0
_STOP_WITHIN_S: Final = 60.0
_SUPERVISOR: Final = (sys.executable, "-m", "services.local")


def start_detached(
    settings: Settings,
    folder: StackFolder,
    clock: Clock,
    *,
    command: tuple[str, ...] = _SUPERVISOR,
) -> subprocess.Popen[bytes]:
    """Start a supervisor in a session of its own; return it once its stack is healthy.

    Raises:
        StackRefused: a stack runs already, or this one did not start; nothing is left running.
    """
    if folder.is_held():
        raise folder.already_runs()
    fetch_ahead(settings)
    output = folder.root / "logs" / "supervisor.out"
    output.parent.mkdir(parents=True, exist_ok=True)
    with output.open("wb") as sink:
        process = subprocess.Popen(  # noqa: S603 - our own program, no shell
            list(command),
            env=child_environment(**explicit_fields(settings) | {"state_dir": folder.root}),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _await_ready(process, folder, clock)
    except BaseException:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_WITHIN_S)
        raise
    return process


def take_down(folder: StackFolder, clock: Clock) -> list[str]:
    """End the folder's stack and wait until no process of it is left; return what was ended.

    A stack whose supervisor was killed is ended, too. Nothing running: an empty list.

    Raises:
        StackRefused: the supervisor does not end.
    """
    record = folder.read()
    if record is None:
        return []
    ended = []
    if folder.is_held() and is_alive(record.supervisor):
        with suppress(ProcessLookupError):
            os.kill(record.supervisor.pid, signal.SIGTERM)
        deadline = clock.monotonic() + _STOP_WITHIN_S
        while is_alive(record.supervisor) and folder.is_held():
            if clock.monotonic() >= deadline:
                msg = f"the supervisor (pid {record.supervisor.pid}) does not end"
                raise StackRefused(msg, next_step=f"read {folder.log('supervisor')}")
            clock.sleep(_LOOK_EVERY_S)
        ended = [name for name, entry in record.services.items() if entry.identity is not None]
    with folder.hold():
        return ended or clean_up(folder, clock)


def _await_ready(process: subprocess.Popen[bytes], folder: StackFolder, clock: Clock) -> None:
    deadline = clock.monotonic() + _START_WITHIN_S
    while True:
        record = folder.read()
        is_ours = record is not None and record.supervisor.pid == process.pid
        if record is not None and is_ours and record.phase == "running":
            return
        if process.poll() is not None:
            raise _failure(folder)
        if clock.monotonic() >= deadline:
            msg = f"the stack was not ready within {_START_WITHIN_S:g} s"
            raise StackRefused(msg, next_step=f"read the logs in {folder.root / 'logs'}")
        clock.sleep(_LOOK_EVERY_S)


def _failure(folder: StackFolder) -> StackRefused:
    """Return what the supervisor said at its end, as its own error."""
    said = (folder.root / "logs" / "supervisor.out").read_text("utf-8", errors="replace").strip()
    message, _, step = said.removeprefix("maitred: ").partition("\nnext: ")
    return StackRefused(message or "the supervisor ended without a word", next_step=step or None)
