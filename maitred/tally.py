"""Counts kept as plain numbers while requests run, and handed to the metrics library between them.

Prometheus' own counters take a lock and a walk over their buckets at every call, some ten times a
request. Here a request pays for an addition; :meth:`flush`, called twice a second, does the rest.
"""

from bisect import bisect_left
from collections import Counter as Counts
from collections.abc import Sequence

from prometheus_client import Counter, Histogram

__all__ = ["CounterTally", "HistogramTally"]


class HistogramTally:
    """A histogram's observations since the last flush; use it from one thread."""

    __slots__ = ("_bounds", "_counts", "_histogram", "_sum")

    def __init__(self, histogram: Histogram, bounds: Sequence[float]) -> None:
        """``histogram`` has its labels already; ``bounds`` are its buckets' upper bounds."""
        self._histogram = histogram
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count one observation."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def flush(self) -> None:
        """Hand over what was observed."""
        counts, self._counts = self._counts, [0] * len(self._counts)
        total, self._sum = self._sum, 0.0
        buckets = self._histogram._buckets  # noqa: SLF001 - the library adds one at a time only
        for bucket, count in zip(buckets, counts, strict=True):
            if count:
                bucket.inc(count)
        if total:
            self._histogram._sum.inc(total)  # noqa: SLF001


class CounterTally:
    """A labelled counter's increments since the last flush; use it from one thread."""

    __slots__ = ("_counter", "_counts")

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._counts: Counts[tuple[str, ...]] = Counts()

    def add(self, *labels: str) -> None:
        """Count one."""
        self._counts[labels] += 1

    def flush(self) -> None:
        """Hand over what was counted."""
        counts, self._counts = self._counts, Counts()
        for labels, count in counts.items():
            self._counter.labels(*labels).inc(count)
