"""Open-loop runs made up for tests: what became of each request is said, not measured."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from loadtests.record import Record
from loadtests.reply import DEGRADED, RUNGS

KINDS = ("late", "status")


def record_of(rows: list[dict[str, Any]], *, started_at: float = 1000.0) -> Record:
    """Return a run of one request a row; what a row leaves out is the best that can be."""
    whole = [{"due": float(at), "ms": 2.0, "lag": 0.1, "rung": "personalised", "known": True,
              "failure": None, "degraded": None, "resent": False} | row
             for at, row in enumerate(rows)]  # fmt: skip

    def column(name: str) -> NDArray[np.float64]:
        return np.array([row[name] for row in whole], dtype=np.float64)

    def codes(name: str, names: tuple[str, ...]) -> NDArray[np.uint8]:
        return np.array([1 + names.index(r[name]) if r[name] else 0 for r in whole], dtype=np.uint8)

    return Record(
        column("due"),
        column("lag"),
        column("ms"),
        codes("failure", KINDS),
        codes("rung", RUNGS),
        codes("degraded", DEGRADED),
        column("known").astype(np.bool_),
        column("resent").astype(np.bool_),
        failure_names=KINDS,
        degraded_names=DEGRADED,
        started_at=started_at,
    )
