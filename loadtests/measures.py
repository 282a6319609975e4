"""Exact figures from raw latencies: no buckets, no rounding before the end."""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["P999_FROM", "Percentiles", "percentile"]

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
    def of(cls, latencies_ms: Floats) -> "Percentiles":
        """Measure a run; of no requests at all every figure is 0."""
        if latencies_ms.size == 0:
            return cls(0, 0.0, 0.0, 0.0, None, 0.0)
        ascending = np.sort(latencies_ms)
        p50, p95, p99, p999 = (percentile(ascending, s) for s in (0.5, 0.95, 0.99, 0.999))
        enough = ascending.size >= P999_FROM
        return cls(ascending.size, p50, p95, p99, p999 if enough else None, float(ascending[-1]))

    def rounded(self) -> dict[str, float | int | None]:
        """Return the figures for a report, to a hundredth of a millisecond."""
        return {k: round(v, 2) if v is not None else None for k, v in asdict(self).items()}
