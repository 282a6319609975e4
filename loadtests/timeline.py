"""A run second by second: what a report draws and what a person looks at first."""

from dataclasses import asdict, dataclass

import numpy as np

from loadtests.record import Record
from loadtests.reply import RUNGS
from maitred.client.waits import percentile

__all__ = ["FAILED", "Moment", "timeline"]

FAILED = "failed"
"""The band of requests that got no good list, beside the rungs."""

_MOST = 240


@dataclass(frozen=True, slots=True)
class Moment:
    """What was due from ``at_s`` on, for as long as each moment of the timeline lasts."""

    at_s: float
    requests: int
    p50_ms: float
    p99_ms: float
    max_ms: float
    lag_max_ms: float
    resent: int
    bands: dict[str, int]
    """Requests by rung, and those that failed; the counts add up to ``requests``."""

    def row(self) -> dict[str, object]:
        """Return the moment for a report."""
        return {k: round(v, 3) if isinstance(v, float) else v for k, v in asdict(self).items()}


def timeline(record: Record) -> tuple[float, list[Moment]]:
    """Return how long a moment lasts, whole seconds, and the moments in which something was due."""
    if not record.due_s.size:
        return 1.0, []
    every_s = float(max(1, np.ceil(record.due_s[-1] / _MOST)))
    places = (record.due_s // every_s).astype(np.int64)
    return every_s, [
        _moment(place * every_s, record.part(places == place)) for place in np.unique(places)
    ]


def _moment(at_s: float, part: Record) -> Moment:
    latencies = np.sort(part.latency_ms)
    good = part.part(part.failure == 0)
    bands = {name: good.rungs[name] for name in RUNGS}
    return Moment(
        float(at_s),
        latencies.size,
        percentile(latencies, 0.5),
        percentile(latencies, 0.99),
        float(latencies[-1]),
        float(part.lag_ms.max()),
        int(part.resent.sum()),
        bands | {FAILED: part.failures.total()},
    )
