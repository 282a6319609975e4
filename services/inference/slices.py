"""Long work on the loop, in slices short enough that nobody else notices."""

import asyncio
from dataclasses import dataclass, field

from maitred.clock import Clock
from services.inference.admission import Admission

__all__ = ["SLICE_S", "Slices", "Turnstile"]

SLICE_S = 0.001
"""After so many seconds of work others are let through; one step more may follow unnoticed."""


@dataclass(slots=True)
class Turnstile:
    """One batch works at a time in a worker; ``inside`` counts those that work or wait."""

    admission: Admission
    clock: Clock
    inside: int = 0
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __aenter__(self) -> "Slices":
        """Wait for this batch's turn."""
        self.inside += 1
        try:
            await self._turn.acquire()
        except BaseException:
            self.inside -= 1
            raise
        return Slices(self)

    async def __aexit__(self, *_: object) -> None:
        """Let the next one in."""
        self.inside -= 1
        self._turn.release()

    @property
    def others(self) -> int:
        """Single requests inside."""
        return self.admission.inside - self.inside


class Slices:
    """The time that one batch takes from its worker."""

    def __init__(self, turnstile: Turnstile) -> None:
        self._turnstile = turnstile
        self._since = turnstile.clock.monotonic()

    async def breathe(self) -> None:
        """Let others through when the slice is over.

        While single requests are inside, they get as much time as the slice took.
        """
        turnstile = self._turnstile
        worked_s = turnstile.clock.monotonic() - self._since
        if worked_s < SLICE_S:
            return
        await asyncio.sleep(worked_s if turnstile.others > 0 else 0)
        self._since = turnstile.clock.monotonic()
