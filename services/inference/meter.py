"""What requests leave behind for operators: counted where they run, told twice a second."""

import asyncio

from maitred.events import Traffic
from maitred.observability import LATENCY_S, Metrics
from maitred.tally import CounterTally, HistogramTally
from services.inference.deadline import Deadline

__all__ = ["STEPS", "Meter"]

STEPS = ("parse", "filters", "diner", "candidates", "score", "choose", "write")
"""What a request goes through, in this order; lower rungs leave out what they do not need."""

FLUSH_S = 0.5


class Meter:
    """One a worker; use it on its event loop."""

    def __init__(self, metrics: Metrics) -> None:
        self._latency = HistogramTally(metrics.latency, LATENCY_S)
        self._steps = {n: HistogramTally(metrics.steps.labels(n), LATENCY_S) for n in STEPS}
        self._requests = CounterTally(metrics.requests)

    def count(self, deadline: Deadline, labels: tuple[str, str, str, str]) -> None:
        """Count a reply by (objective, rung, what ran short, traffic)."""
        self.listed(labels)
        if labels[-1] == Traffic.WARMUP:
            return  # nobody waited for it
        self._latency.observe(deadline.elapsed_s)
        for step, seconds in deadline.laps:
            self._steps[step].observe(seconds)

    def listed(self, labels: tuple[str, str, str, str]) -> None:
        """Count one list by (objective, rung, what ran short, traffic): a batch makes many."""
        self._requests.add(*labels)

    def flush(self) -> None:
        """Hand everything over now."""
        self._requests.flush()
        for histogram in (self._latency, *self._steps.values()):
            histogram.flush()

    async def run(self) -> None:
        """Flush for ever, and once more when cancelled."""
        try:
            while True:
                await asyncio.sleep(FLUSH_S)
                self.flush()
        finally:
            self.flush()
