"""Time as an argument, so that tests can move it; the only module that asks the machine."""

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

__all__ = ["Clock", "ManualClock", "SystemClock"]


class Clock(Protocol):
    """Wall time for records, monotonic time for durations, and waiting."""

    def now(self) -> datetime:
        """Return the wall time, aware, in UTC."""

    def monotonic(self) -> float:
        """Return seconds that never go back; only differences mean anything."""

    def sleep(self, seconds: float) -> None:
        """Block this thread; never call it on an event loop."""

    async def wait(self, seconds: float) -> None:
        """Let other tasks run for this long."""


class SystemClock:
    """The machine's clocks."""

    def now(self) -> datetime:
        """Return the wall time, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds since an arbitrary start."""
        return time.perf_counter()

    def sleep(self, seconds: float) -> None:
        """Block this thread."""
        time.sleep(seconds)

    async def wait(self, seconds: float) -> None:
        """Let other tasks run for this long."""
        await asyncio.sleep(seconds)


@dataclass(slots=True)
class ManualClock:
    """A clock that moves when told to: for tests, replays and simulations.

    ``sleep`` and ``wait`` advance it at once, so code that waits runs without waiting.
    """

    at: datetime = field(default_factory=lambda: datetime(2026, 5, 1, 19, 0, tzinfo=UTC))
    elapsed: float = 0.0

    def now(self) -> datetime:
        """Return the time that was set plus what was advanced since."""
        return self.at

    def monotonic(self) -> float:
        """Return the seconds advanced so far."""
        return self.elapsed

    def advance(self, seconds: float) -> None:
        """Move both clocks forward.

        Raises:
            ValueError: if ``seconds`` is negative; clocks do not go back.
        """
        if seconds < 0:
            msg = "a clock cannot go back"
            raise ValueError(msg)
        self.elapsed += seconds
        self.at += timedelta(seconds=seconds)

    def sleep(self, seconds: float) -> None:
        """Advance instead of blocking."""
        self.advance(seconds)

    async def wait(self, seconds: float) -> None:
        """Advance, and give other tasks one turn."""
        self.advance(seconds)
        await asyncio.sleep(0)
