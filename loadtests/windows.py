"""When something was broken on purpose, and which requests of a run that touches."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loadtests.record import Record

__all__ = ["SETTLE_S", "FaultWindow", "inside", "outside", "shares"]

Bools = NDArray[np.bool_]

SETTLE_S = 2.0
"""How long after a fault's end lists may still step down: the promise is 2 s."""


@dataclass(frozen=True, slots=True)
class FaultWindow:
    """One fault; moments are seconds since 1970 on this machine's clock."""

    kind: str
    began_at: float
    ended_at: float
    note: str = ""
    """What was seen while it lasted."""

    def row(self, started_at: float) -> dict[str, object]:
        """Return the window for a report, in seconds from the start of a run."""
        began_s, ended_s = self.began_at - started_at, self.ended_at - started_at
        return {"kind": self.kind, "began_s": round(began_s, 3), "ended_s": round(ended_s, 3),
                "note": self.note}  # fmt: skip

    def record(self) -> dict[str, Any]:
        """Return the window as JSON."""
        return asdict(self)


def inside(record: Record, windows: Sequence[FaultWindow], *, settle_s: float = 0.0) -> Bools:
    """Return which requests were due inside a window, or up to ``settle_s`` after it."""
    due_at = record.due_s + record.started_at
    found = np.zeros(due_at.size, dtype=np.bool_)
    for window in windows:
        found |= (due_at >= window.began_at) & (due_at < window.ended_at + settle_s)
    return found


def outside(record: Record, windows: Sequence[FaultWindow]) -> Record:
    """Return the requests due outside of all windows and of the 2 s after each."""
    return record.part(~inside(record, windows, settle_s=SETTLE_S))


def shares(record: Record, windows: Sequence[FaultWindow]) -> dict[str, object]:
    """Return the personalised share of known diners outside of the faults, and inside by kind.

    What falls due inside of one kind within 2 s of another is laid to the other.
    """
    during = {}
    for kind in dict.fromkeys(window.kind for window in windows):
        chosen = [window for window in windows if window.kind == kind]
        others = [window for window in windows if window.kind != kind]
        part = record.part(inside(record, chosen) & ~inside(record, others, settle_s=SETTLE_S))
        share = part.personalised_share
        during[kind] = {
            "windows": len(chosen),
            "requests": int(part.due_s.size),
            "personalised_share": None if share is None else round(share, 5),
            "failures": part.failures.total(),
        }
    calm = outside(record, windows)
    share = calm.personalised_share
    return {
        "outside_requests": int(calm.due_s.size),
        "outside_personalised_share": None if share is None else round(share, 5),
        "outside_degraded": dict(calm.shortages),
        "during": during,
    }
