"""Not faster than asked: a rate that a replay keeps, whatever single requests take."""

from maitred.clock import Clock

__all__ = ["Pace"]


class Pace:
    """Lets one call through each 1/rate seconds; rate None lets everything through.

    Time lost to a slow call is not made up by a burst afterwards.
    """

    def __init__(self, rate_per_s: float | None, clock: Clock) -> None:
        self._gap_s = 1.0 / rate_per_s if rate_per_s else 0.0
        self._clock = clock
        self._next = clock.monotonic()

    def hold(self) -> None:
        """Wait until the next call is due."""
        now = self._clock.monotonic()
        if now < self._next:
            self._clock.sleep(self._next - now)
        self._next = max(self._next, now) + self._gap_s
