"""One process that a master started: how it is made, what it says of itself, how it ends.

Children stay in the master's process group, so that whoever ends the group ends all of it; but they
are born with Ctrl-C and SIGHUP blocked, for those are meant for the master alone.
"""

import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from maitred.clock import Clock

__all__ = ["ANYWHERE", "READY", "Child", "Recipe", "say"]

ANYWHERE: Final = "any"
"""Instead of the number of a processor, to a worker that keeps to none."""

READY: Final = "ready"
"""What a worker says on its pipe once it can answer; anything else is why it never will."""

_FOR_THE_MASTER: Final = {signal.SIGINT, signal.SIGHUP}
_SETTLED_S: Final = 1.0
_AT_MOST_BYTES: Final = 4000


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to start a process, as often as needed.

    With ``tells_ready`` the number of a pipe's writing end is added to ``argv``, and the process is
    ready when it says :data:`READY` there; otherwise when it has lived for a second.
    """

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    pass_fds: tuple[int, ...] = ()
    tells_ready: bool = False
    start_within_s: float = 60.0
    stop_within_s: float = 8.0


def say(pipe: int, word: str) -> None:
    """Tell the master; one that is gone need not be told."""
    with suppress(OSError):
        os.write(pipe, word.encode(errors="replace")[:_AT_MOST_BYTES] + b"\n")
        os.close(pipe)


@dataclass(slots=True)
class Child:
    """A running process, or how it ended."""

    recipe: Recipe
    process: "subprocess.Popen[bytes]"
    started_at: float
    pipe: int | None
    is_ready: bool = False
    kill_at: float | None = None
    """Moment at which patience ends; None as long as nobody asked it to end."""
    _said: bytes = field(default=b"", repr=False)

    @classmethod
    def spawn(cls, recipe: Recipe, lifeline: int, clock: Clock) -> "Child":
        """Start it; ``lifeline`` becomes its standard input.

        Raises:
            OSError: the program cannot be started at all.
        """
        pipe, theirs = os.pipe()
        os.set_blocking(pipe, False)
        argv, fds = list(recipe.argv), recipe.pass_fds
        if recipe.tells_ready:
            argv, fds = [*argv, str(theirs)], (*fds, theirs)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _FOR_THE_MASTER)
        try:
            process = subprocess.Popen(  # noqa: S603 - our own programs, no shell
                argv, env=dict(recipe.environment), stdin=lifeline, pass_fds=fds
            )
        except OSError:
            os.close(pipe)
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            os.close(theirs)
        return cls(recipe, process, clock.monotonic(), pipe)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    @property
    def reason(self) -> str:
        """Why it ended, as far as anybody knows."""
        said = self._said.decode(errors="replace").strip().removeprefix(READY).strip()
        code = self.process.returncode
        how = f"it was ended by signal {-code}" if code and code < 0 else f"exit code {code}"
        return said or how

    def has_ended(self) -> bool:
        """Tell whether it is gone, and reap it if so."""
        return self.process.poll() is not None

    def look(self, now: float) -> None:
        """Hear what it says, and lose patience when its time is over."""
        self._listen()
        if not self.recipe.tells_ready:
            self.is_ready = self.is_ready or now - self.started_at >= _SETTLED_S
        if not self.is_ready and now - self.started_at > self.recipe.start_within_s:
            self._said = f"it was not ready within {self.recipe.start_within_s:g} s".encode()
            self.kill()
        if self.kill_at is not None and now >= self.kill_at:
            self.kill()

    def dismiss(self, now: float, *, within_s: float | None = None) -> None:
        """Ask it to end (SIGTERM); it is killed after its time. Asked again, it has less time."""
        patience = self.recipe.stop_within_s if within_s is None else within_s
        self.kill_at = min(self.kill_at or float("inf"), now + patience)
        if not self.has_ended():
            self.process.terminate()

    def kill(self) -> None:
        """End it at once (SIGKILL)."""
        if not self.has_ended():
            self.process.kill()

    def close(self) -> None:
        """Let go of what is left of an ended one, once its last words were heard."""
        self._listen()
        if self.pipe is not None:
            os.close(self.pipe)
            self.pipe = None

    def _listen(self) -> None:
        if self.pipe is None:
            return
        with suppress(BlockingIOError):
            while chunk := os.read(self.pipe, _AT_MOST_BYTES):
                self._said += chunk
        self.is_ready = self.is_ready or self._said.startswith(f"{READY}\n".encode())
