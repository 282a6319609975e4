"""Whether a request may take the full walk, or takes a cheaper rung at once.

When arrivals outrun the service, work that is begun for everybody is finished for nobody. So a
share of the requests is answered from the cheapest rung as soon as it comes in, as large as keeps
the loop's lag near its target: the controller of PIE (R. Pan et al., RFC 8033), which drops packets
by such a share. What has waited too long already is never admitted.
"""

import asyncio
from dataclasses import dataclass

from maitred.clock import Clock
from maitred.observability import Metrics

__all__ = ["Admission"]


@dataclass(slots=True)
class Admission:
    """Counts who is inside, watches how late the event loop wakes, and sets the share to shed."""

    clock: Clock
    metrics: Metrics
    target_s: float = 0.007
    """Lag that is aimed at when there is too much to do."""
    max_lag_s: float = 0.02
    """Beyond it nobody is admitted."""
    max_inside: int = 128
    tick_s: float = 0.01
    inside: int = 0
    """Single requests that were read and not answered yet. Batches give way by themselves: see
    :class:`services.inference.slices.Turnstile`."""
    lag_s: float = 0.0
    """How late the loop woke at the last tick, or how long a request waited since, if longer."""
    shed: float = 0.0
    """Share of requests that are not admitted, 0 to 1."""
    _credit: float = 0.0
    _before_s: float = 0.0

    def admits(self, waited_s: float) -> bool:
        """Tell whether a request that waited so long in the loop can afford the full walk.

        Shedding is spread evenly: of every ten requests at a share of .3, three.
        """
        self.lag_s = max(self.lag_s, waited_s)
        if self.inside >= self.max_inside or self.lag_s > self.max_lag_s:
            return False
        self._credit += self.shed
        if self._credit < 1.0:
            return True
        self._credit -= 1.0
        return False

    def adjust(self, lag_s: float) -> None:
        """Move the share after a tick with this lag: by how far off it is, and where it goes."""
        seen = max(self.lag_s, lag_s)
        step = _INTEGRAL * (seen - self.target_s) + _PROPORTIONAL * (seen - self._before_s)
        self.shed = min(max(self.shed + step, 0.0), _MOST_SHED)
        self._before_s, self.lag_s = seen, lag_s

    async def watch(self) -> None:
        """Measure the loop's lag for ever; cancel to end."""
        while True:
            before = self.clock.monotonic()
            await asyncio.sleep(self.tick_s)
            self.adjust(max(0.0, self.clock.monotonic() - before - self.tick_s))
            self.metrics.loop_lag.set(self.lag_s)
            self.metrics.shed.set(self.shed)


_INTEGRAL, _PROPORTIONAL = 0.6, 3.0
"""Share per second of lag and tick. RFC 8033 moves slower: its flows answer within round trips,
a wave of diners does not wait."""
_MOST_SHED = 0.98
"""Somebody is always let in, or nobody would find out that it is over."""
