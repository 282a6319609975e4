"""How long a client waited, exactly: from raw latencies, no buckets, no rounding before the end."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["LATE_MS", "P999_FROM", "Percentiles", "percentile"]

LATE_MS = 100.0
"""A list that the client has waited for longer than this has failed its diner, in milliseconds."""

P999_FROM = 10_000
"""Fewest requests from which p99.9 is stated: below, it is one of the few slowest."""

Floats = NDArray[np.float64]


def percentile(ascending: Floats, share: float) -> float:
    """Return the smallest value that at least ``share`` of all are not above (nearest rank)."""
    rank = int(np.ceil(share * ascending.size)) - 1
    return float(ascending[max(rank, 0)])


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Milliseconds; ``p999_ms`` is None below :data:`P999_FROM` requests."""

    requests: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    p999_ms: float | None
    max_ms: float

    @classmethod
    def of(cls, waited_ms: Sequence[float] | Floats) -> "Percentiles":
        """Measure a run; of no requests at all every figure is 0."""
        ascending = np.sort(np.asarray(waited_ms, dtype=np.float64))
        if ascending.size == 0:
            return cls(0, 0.0, 0.0, 0.0, None, 0.0)
        p50, p95, p99, p999 = (percentile(ascending, s) for s in (0.5, 0.95, 0.99, 0.999))
        enough = ascending.size >= P999_FROM
        return cls(ascending.size, p50, p95, p99, p999 if enough else None, float(ascending[-1]))

    def rounded(self) -> dict[str, float | int | None]:
        """Return the figures for a report, to a hundredth of a millisecond."""
        return {k: round(v, 2) if v is not None else None for k, v in asdict(self).items()}
