"""Keeps a stack running: starts in order, restarts what dies, stops in order.

One thread calls :meth:`Supervisor.run`; another thread or a signal handler may only set its
``stopping`` event. What runs is in the folder's record from the moment it was spawned, so a
successor can clean up after a supervisor that was killed.
"""

import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event
from typing import Final

from maitred.clock import Clock
from maitred.errors import MaitredError, StackRefused
from services.local.deps import Plan
from services.local.folder import Entry, Record, StackFolder
from services.local.launch import Launch
from services.local.processes import Identity, identity_of, kill_group
from services.local.server import Server

__all__ = ["Supervisor", "clean_up"]

_LOG: Final = logging.getLogger("maitred.local")
_LOOK_EVERY_S: Final = 0.1
_FIRST_DELAY_S: Final = 0.1
_LONGEST_DELAY_S: Final = 10.0
_LIVED_S: Final = 10.0
_ATTEMPTS: Final = 10
_LEFTOVERS_WITHIN_S: Final = 5.0


@dataclass(slots=True)
class Ward:
    """A server under supervision, and how its restarts go."""

    server: Server
    started_at: float = 0.0
    restarts: int = 0
    failures: int = 0
    due_at: float | None = None
    given_up: bool = False

    def note_end(self, now: float) -> None:
        """Plan the next start, later each time; after too many short lives in a row, never again."""
        self.failures = 0 if now - self.started_at >= _LIVED_S else self.failures + 1
        self.given_up = self.failures >= _ATTEMPTS
        self.due_at = now + min(_FIRST_DELAY_S * 2**self.failures, _LONGEST_DELAY_S)

    def note_start(self, now: float) -> None:
        """Remember when it was started."""
        self.started_at, self.due_at = now, None


@dataclass(slots=True)
class Supervisor:
    """One stack from start to stop; ``on_ready`` is called once, when everything answers."""

    plan: Plan
    folder: StackFolder
    clock: Clock
    stopping: Event = field(default_factory=Event)
    on_ready: Callable[[], None] = lambda: None
    wards: dict[str, Ward] = field(init=False)
    phase: str = "starting"

    def __post_init__(self) -> None:
        launches = [launch for stage in self.plan.stages for launch in stage]
        self.wards = {launch.name: Ward(Server(launch, self.clock)) for launch in launches}

    def run(self) -> None:
        """Start, watch until ``stopping`` is set, stop. Whatever happens, nothing is left running.

        Raises:
            StackRefused: something did not become ready; the record says so, too.
        """
        try:
            self._start()
            if not self.stopping.is_set():
                self._enter("running")
                self.on_ready()
            while not self.stopping.wait(_LOOK_EVERY_S):
                self._look()
        except MaitredError as error:
            self._stop()
            self._enter("failed", error)
            raise
        except BaseException:
            self._stop()
            raise
        self._stop()

    def server(self, name: str) -> Server:
        """Return a server of this stack by name.

        Raises:
            StackRefused: this stack runs none of that name.
        """
        if name not in self.wards:
            msg = f"this stack runs no {name}; it runs {', '.join(self.wards)}"
            raise StackRefused(msg)
        return self.wards[name].server

    def _start(self) -> None:
        self._enter("starting")
        for name, entry in self.plan.external.items():
            reason = entry.probe()
            if reason is not None:
                msg = f"the {name} that settings name does not answer: {reason}"
                raise StackRefused(msg, next_step="start it, or unset the setting")
        for stage in self.plan.stages:
            self._start_stage(stage)

    def _start_stage(self, stage: tuple[Launch, ...]) -> None:
        for launch in stage:
            if not self.stopping.is_set():
                self.folder.rotate(launch.name)
                self._spawn(self.wards[launch.name])
        for launch in stage:
            if self.stopping.is_set():
                return
            server = self.wards[launch.name].server
            if server.wait_ready(lambda: not self.stopping.is_set()):
                _LOG.info("%s is ready at %s (pid %d)", server.name, server.url, server.pid)

    def _spawn(self, ward: Ward) -> None:
        ward.server.spawn()
        ward.note_start(self.clock.monotonic())
        self._write()

    def _look(self) -> None:
        for ward in self.wards.values():
            now = self.clock.monotonic()
            code = ward.server.exit_code()
            if code is None or ward.given_up:
                continue
            if ward.due_at is None:
                self._note_end(ward, code, now)
            elif now >= ward.due_at:
                self._restart(ward)

    def _note_end(self, ward: Ward, code: int, now: float) -> None:
        ward.server.kill()  # children that it left behind would hold its port
        ward.note_end(now)
        name = ward.server.name
        if ward.given_up:
            _LOG.error("%s ended (%d) %d times in a row: given up", name, code, _ATTEMPTS)
        else:
            _LOG.warning("%s ended with exit code %d; starting it again", name, code)
        self._write()

    def _restart(self, ward: Ward) -> None:
        ward.restarts += 1
        try:
            self._spawn(ward)
        except StackRefused as error:
            ward.note_end(self.clock.monotonic())
            _LOG.warning("%s", error)
            return
        _LOG.info("%s started again (pid %d)", ward.server.name, ward.server.pid)

    def _stop(self) -> None:
        self._enter("stopping")
        for stage in reversed(self.plan.stages):
            servers = [self.wards[launch.name].server for launch in stage]
            with ThreadPoolExecutor(max(1, len(servers))) as pool:
                list(pool.map(Server.end, servers))
        self._enter("stopped")
        _LOG.info("stopped")

    def _enter(self, phase: str, failure: MaitredError | None = None) -> None:
        self.phase = phase
        self._write(failure)

    def _write(self, failure: MaitredError | None = None) -> None:
        me = identity_of(os.getpid())
        services = {name: self._entry(ward) for name, ward in self.wards.items()}
        self.folder.write(
            Record(
                phase=self.phase,
                supervisor=me or Identity(os.getpid(), "unknown"),
                services=services | self.plan.external,
                notices=list(self.plan.notices),
                failure=str(failure) if failure else None,
                next_step=failure.next_step if failure else None,
            )
        )

    def _entry(self, ward: Ward) -> Entry:
        launch, identity = ward.server.launch, ward.server.identity
        gone = self.phase in {"stopped", "failed"} or identity is None
        return Entry(
            url=launch.url,
            port=launch.port,
            probe_kind=launch.ready.kind,
            probe_target=launch.ready.target,
            log=str(launch.log),
            metrics_url=launch.metrics_url,
            pid=None if gone or identity is None else identity.pid,
            started=None if gone or identity is None else identity.started,
            restarts=ward.restarts,
            given_up=ward.given_up,
        )


def clean_up(folder: StackFolder, clock: Clock) -> list[str]:
    """End what a killed supervisor left behind; return the names of what was ended.

    Only recorded processes whose start is as recorded, and their groups. Call it while holding the
    folder, or when no supervisor runs.
    """
    record = folder.read()
    ended = []
    for name, entry in reversed(record.services.items()) if record else ():
        if entry.identity is None:
            continue
        if kill_group(entry.identity, folder.mark, clock, within_s=_LEFTOVERS_WITHIN_S):
            ended.append(name)
    return ended
