"""The budget of one request, handed down every step."""

from maitred.clock import Clock
from maitred.errors import DeadlineExceeded

__all__ = ["Deadline"]


class Deadline:
    """Runs from the request's first byte; measures its steps while it is at it.

    ``laps``: name and seconds of each step that ended, in order. ``has_room``: whether the service
    can afford the full walk for this request; see :mod:`services.inference.admission`.
    """

    __slots__ = ("_clock", "_ends", "_lap", "has_room", "laps", "started")

    def __init__(
        self, clock: Clock, budget_s: float, *, waited_s: float = 0.0, has_room: bool = True
    ) -> None:
        """Start now; ``waited_s`` is how long the request had waited before anybody looked."""
        self.has_room = has_room
        self._clock = clock
        self._lap = clock.monotonic()
        self.started = self._lap - waited_s
        self._ends = self.started + budget_s
        self.laps: list[tuple[str, float]] = []

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
        if self.ended(step) >= self._ends:
            raise DeadlineExceeded(step)

    def ended(self, step: str) -> float:
        """Say that a step ended after which there is nothing left to save; return the time."""
        now = self._clock.monotonic()
        self.laps.append((step, now - self._lap))
        self._lap = now
        return now
