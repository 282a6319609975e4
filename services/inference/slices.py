"""Long work on the loop, in slices short enough that nobody else notices."""

import asyncio
from dataclasses import dataclass, field

from maitred.clock import Clock
from maitred.errors import Unavailable
from services.inference.admission import Admission

__all__ = ["MOST_WAITING", "SLICE_S", "Slices", "Turnstile"]

SLICE_S = 0.001
"""After so many seconds of work others are let through; one step more may follow unnoticed."""

MOST_WAITING = 8
"""Batches that wait behind the one at work: the last of them would start when its budget is long
spent, and each holds up to a megabyte."""


@dataclass(slots=True)
class Turnstile:
    """One batch works at a time in a worker, and few wait."""

    admission: Admission
    clock: Clock
    _waiting: int = 0
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __aenter__(self) -> "Slices":
        """Wait for this batch's turn.

        Raises:
            Unavailable: as many wait already as may.
        """
        if self._waiting >= MOST_WAITING:
            msg = f"{MOST_WAITING} batches wait in this worker already"
            raise Unavailable(msg, next_step="try again later, or send fewer batches at a time")
        self._waiting += 1
        try:
            await self._turn.acquire()
        finally:
            self._waiting -= 1
        return Slices(self)

    async def __aexit__(self, *_: object) -> None:
        """Let the next one in."""
        self._turn.release()


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
        await asyncio.sleep(worked_s if turnstile.admission.inside else 0)
        self._since = turnstile.clock.monotonic()
