"""The stack as a library: for the demo, for tests, and for the commands.

``running`` supervises from a thread of this process; ``supervise`` blocks, for a process whose only
work it is. Both hold the folder's lock, clean up after a killed predecessor and leave no process.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from maitred.clock import Clock, SystemClock
from maitred.errors import MaitredError, StackRefused
from maitred.settings import Settings
from services.local.deps import plan_stack
from services.local.folder import StackFolder
from services.local.programs import PROGRAMS, Program
from services.local.status import StackStatus, read_status
from services.local.supervisor import Supervisor, clean_up

__all__ = ["Stack", "prepared", "running"]

_LOOK_EVERY_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack under this process's supervision."""

    supervisor: Supervisor

    @property
    def folder(self) -> StackFolder:
        """The state folder."""
        return self.supervisor.folder

    @property
    def urls(self) -> dict[str, str]:
        """What a client of each service is given; for Kafka host:port."""
        embedded = {name: ward.server.url for name, ward in self.supervisor.wards.items()}
        return embedded | {name: e.url for name, e in self.supervisor.plan.external.items()}

    @property
    def admin_key(self) -> str:
        """What writes are allowed with."""
        return self.supervisor.plan.admin_key

    def pid(self, name: str) -> int:
        """Return the pid of a service's leading process at this moment."""
        return self.supervisor.server(name).pid

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a service's whole group (SIGSTOP and SIGCONT to freeze and go on)."""
        self.supervisor.server(name).signal(number)

    def kill(self, name: str) -> int:
        """Kill a service's group (-9) and return the pid that it had; the supervisor restarts it."""
        pid = self.pid(name)
        self.signal(name, signal.SIGKILL)
        return pid

    def restart(self, name: str, *, within_s: float = 30.0) -> None:
        """Ask a service to end, and block until its successor is ready.

        Raises:
            StackRefused: it was not ready again in time.
        """
        pid = self.pid(name)
        self.supervisor.server(name).terminate()
        self.wait_healthy(name, other_than=pid, within_s=within_s)

    def wait_healthy(
        self, name: str, *, other_than: int | None = None, within_s: float = 30.0
    ) -> None:
        """Block until a service answers; with ``other_than``, until another process does.

        Raises:
            StackRefused: it did not in time.
        """
        clock, server = self.supervisor.clock, self.supervisor.server(name)
        deadline = clock.monotonic() + within_s
        while server.pid == other_than or server.exit_code() is not None or server.launch.ready():
            if clock.monotonic() >= deadline:
                msg = f"{name} was not healthy within {within_s:g} s"
                raise StackRefused(msg, next_step=f"read {server.launch.log}")
            clock.sleep(_LOOK_EVERY_S)

    def status(self) -> StackStatus:
        """Return what ``maitred status --json`` would print."""
        return read_status(self.folder)


@contextmanager
def prepared(
    settings: Settings, programs: tuple[Program, ...] = PROGRAMS, clock: Clock | None = None
) -> Iterator[Supervisor]:
    """Hold the folder, clean up after a killed predecessor, and give a supervisor that has not begun.

    Raises:
        StackRefused: the folder is in use, a configured port is taken, or a server is not to be had.
    """
    clock = clock or SystemClock()
    folder = StackFolder.at(settings.state_dir)
    with folder.hold():
        clean_up(folder, clock)
        folder.rotate("supervisor")
        yield Supervisor(plan_stack(settings, folder, programs), folder, clock)


@contextmanager
def running(
    settings: Settings, programs: tuple[Program, ...] = PROGRAMS, clock: Clock | None = None
) -> Iterator[Stack]:
    """Run a stack while the context lasts; entered once everything is ready.

    Raises:
        StackRefused: see :func:`prepared`; or something did not become ready.
    """
    with prepared(settings, programs, clock) as supervisor:
        failures: list[MaitredError] = []
        ready = threading.Event()
        supervisor.on_ready = ready.set
        thread = threading.Thread(
            target=_run, args=(supervisor, failures), name="maitred-supervisor"
        )
        thread.start()
        try:
            while thread.is_alive() and not ready.wait(_LOOK_EVERY_S):
                continue
            if failures:
                raise failures[0]
            yield Stack(supervisor)
        finally:
            supervisor.stopping.set()
            thread.join()


def _run(supervisor: Supervisor, failures: list[MaitredError]) -> None:
    try:
        supervisor.run()
    except MaitredError as error:
        failures.append(error)
