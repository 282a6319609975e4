"""Whether there is room for the full walk: measured, not guessed.

When the loop wakes late or too many requests are inside, the next one takes a cheaper rung, so
that everybody is still answered in time.
"""

import asyncio
from dataclasses import dataclass

from maitred.clock import Clock
from maitred.observability import Metrics

__all__ = ["Admission"]


@dataclass(slots=True)
class Admission:
    """Counts who is inside and watches how late the event loop wakes."""

    clock: Clock
    metrics: Metrics
    max_lag_s: float = 0.03
    max_inside: int = 128
    tick_s: float = 0.02
    inside: int = 0
    lag_s: float = 0.0

    @property
    def is_open(self) -> bool:
        """Whether a request that has just come in can afford the full walk."""
        return self.inside <= self.max_inside and self.lag_s <= self.max_lag_s

    async def watch(self) -> None:
        """Measure the loop's lag for ever; cancel to end."""
        while True:
            before = self.clock.monotonic()
            await asyncio.sleep(self.tick_s)
            self.lag_s = max(0.0, self.clock.monotonic() - before - self.tick_s)
            self.metrics.loop_lag.set(self.lag_s)
