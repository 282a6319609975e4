"""One launched thing over its life: started, waited for, signalled, ended, started again.

The supervisor and the tests' fixtures stand on this; it decides nothing about restarts or order.
"""

import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from maitred.clock import Clock
from maitred.errors import StackRefused
from services.local.launch import Launch
from services.local.processes import Child, Identity

__all__ = ["Server"]

_POLL_S: Final = 0.05
_TAIL_BYTES: Final = 2000


@dataclass(slots=True)
class Server:
    """A launch and the process that runs it, if any."""

    launch: Launch
    clock: Clock
    child: Child | None = None

    @property
    def name(self) -> str:
        """The launch's name."""
        return self.launch.name

    @property
    def url(self) -> str:
        """What a client is given."""
        return self.launch.url

    @property
    def pid(self) -> int:
        """The pid of the running process.

        Raises:
            StackRefused: nothing runs.
        """
        return self._running().pid

    @property
    def identity(self) -> Identity | None:
        """Pid and start of the process last started."""
        return self.child.identity if self.child else None

    def spawn(self) -> None:
        """Start the process without waiting for it.

        Raises:
            StackRefused: the program cannot be started at all.
        """
        launch = self.launch
        try:
            self.child = Child.spawn(launch.command, launch.environment, launch.log)
        except OSError as error:
            msg = f"{self.name} cannot be started: {error}"
            raise StackRefused(msg) from error

    def wait_ready(self, go_on: Callable[[], bool] = lambda: True) -> bool:
        """Block until the probe is content; return False as soon as ``go_on`` says no.

        Raises:
            StackRefused: it ended or was not ready in time; quotes its log.
        """
        child = self._running()
        deadline = self.clock.monotonic() + self.launch.ready_within_s
        while True:
            reason = self.launch.ready()
            if child.exit_code() is not None:
                reason = f"it ended with exit code {child.exit_code()}"
            elif reason is None:
                return True
            elif not go_on():
                return False
            elif self.clock.monotonic() < deadline:
                self.clock.sleep(_POLL_S)
                continue
            msg = f"{self.name} did not become ready: {reason}\n{self.log_tail()}".rstrip()
            raise StackRefused(msg, next_step=f"read {self.launch.log}")

    def start(self) -> None:
        """Start the process and block until it is ready; on failure nothing is left running.

        Raises:
            StackRefused: see :meth:`spawn` and :meth:`wait_ready`.
        """
        self.spawn()
        try:
            self.wait_ready()
        except BaseException:
            self.kill()
            raise

    def exit_code(self) -> int | None:
        """Return how the process ended; None while it runs, and before it was started."""
        return self.child.exit_code() if self.child else None

    def signal(self, number: int) -> None:
        """Send a signal to the process and its children."""
        self._running().signal(number)

    def pause(self) -> None:
        """Freeze it (SIGSTOP): connections stay open and nothing answers."""
        self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on (SIGCONT)."""
        self.signal(signal.SIGCONT)

    def terminate(self) -> None:
        """Ask it to end, without waiting."""
        self._running().terminate()

    def end(self) -> int | None:
        """End it in good order, by force when its time is over; return its exit code."""
        return self.child.end(within_s=self.launch.stop_within_s) if self.child else None

    def kill(self) -> None:
        """End it and its children at once (SIGKILL), and wait until they are gone."""
        if self.child:
            self.child.kill()

    def log_tail(self) -> str:
        """Return the end of its log."""
        try:
            with self.launch.log.open("rb") as log:
                log.seek(0, 2)
                log.seek(max(0, log.tell() - _TAIL_BYTES))
                return log.read().decode(errors="replace").strip()
        except FileNotFoundError:
            return ""

    def _running(self) -> Child:
        if self.child is None:
            msg = f"{self.name} was not started"
            raise StackRefused(msg)
        return self.child
