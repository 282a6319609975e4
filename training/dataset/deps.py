"""What the ``data`` commands need from outside: settings, a clock, and where to write for people."""

from dataclasses import dataclass

from rich.console import Console

from maitred import settings
from maitred.clock import Clock, SystemClock

__all__ = ["Dependencies", "dependencies"]


@dataclass(frozen=True, slots=True)
class Dependencies:
    """Everything that a ``data`` command does not get from its command line."""

    settings: settings.Settings
    clock: Clock
    out: Console
    """Reports."""
    progress: Console
    """Progress bars: standard error, silent when it is no terminal."""


def dependencies() -> Dependencies:
    """Read the environment and return what commands need."""
    return Dependencies(
        settings=settings.load(),
        clock=SystemClock(),
        out=Console(highlight=False, soft_wrap=True),
        progress=Console(stderr=True),
    )
