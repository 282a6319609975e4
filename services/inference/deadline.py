"""The budget of one request, handed down every step."""

from collections.abc import Callable

from maitred.clock import Clock
from maitred.errors import DeadlineExceeded

__all__ = ["Deadline", "StepObserver"]

StepObserver = Callable[[str, float], None]
"""Told the name and the seconds of each step that ended."""


class Deadline:
    """Runs from the request's first byte; measures its steps while it is at it."""

    __slots__ = ("_clock", "_ends", "_lap", "_observe", "started")

    def __init__(
        self, clock: Clock, budget_s: float, observe: StepObserver, *, waited_s: float = 0.0
    ) -> None:
        """Start now; ``waited_s`` is how long the request had waited before anybody looked."""
        self._clock = clock
        self._lap = clock.monotonic()
        self.started = self._lap - waited_s
        self._ends = self.started + budget_s
        self._observe = observe

    @property
    def remaining_s(self) -> float:
        """Seconds left; negative once it is over."""
        return self._ends - self._clock.monotonic()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the first byte."""
        return self._clock.monotonic() - self.started

    def passed(self, step: str) -> None:
        """Say that a step ended.

        Raises:
            DeadlineExceeded: naming the step, if the budget is spent now.
        """
        now = self._clock.monotonic()
        self._observe(step, now - self._lap)
        self._lap = now
        if now >= self._ends:
            raise DeadlineExceeded(step)
