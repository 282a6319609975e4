"""The knee: the highest rate at which nothing fails, nothing is late and lists stay personalised.

Looked for from below, in steps that are runs of their own, so that what piled up behind one step
does not weigh on the next. A machine has hiccups: a step that does not hold is tried once more,
and the first that fails twice ends the search.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from loadtests.record import LAG_LIMIT_MS, Record
from loadtests.schedule import Schedule
from maitred.client.waits import LATE_MS

__all__ = ["PERSONALISED", "Step", "climb", "described", "knee_of"]

PERSONALISED = 0.99
"""Share of known diners' requests that must be personalised at or below the knee."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One rate, tried."""

    rate_per_s: float
    record: Record

    @property
    def fault(self) -> str | None:
        """Why the step does not hold, in words; None: it holds."""
        record, figures = self.record, self.record.percentiles
        slow_ms = figures.p99_ms if figures.p999_ms is None else figures.p999_ms
        share = record.personalised_share
        if record.is_void:
            return f"the generator was late: send lag p99.9 {record.lag_p999_ms:.1f} ms"
        if failed := record.failures.total():
            kinds = ", ".join(f"{n} {kind}" for kind, n in record.failures.items())
            return f"{failed} failures: {kinds}"
        if slow_ms > LATE_MS:
            return f"{'p99' if figures.p999_ms is None else 'p99.9'} {slow_ms:.1f} ms"
        if share is not None and share < PERSONALISED:
            return f"{share:.1%} of known diners personalised"
        return None

    def row(self) -> dict[str, object]:
        """Return the step for a report."""
        figures, share = self.record.percentiles, self.record.personalised_share
        return {
            "rate_per_s": round(self.rate_per_s, 1),
            "requests": figures.requests,
            "p50_ms": round(figures.p50_ms, 2),
            "p99_ms": round(figures.p99_ms, 2),
            "max_ms": round(figures.max_ms, 2),
            "personalised_share": None if share is None else round(share, 4),
            "goodput_per_s": round(self.record.goodput_per_s, 1),
            "holds": self.fault is None,
            "why": self.fault,
        }


Tried = Callable[[Schedule, int], Awaitable[Record]]


async def climb(rates: Sequence[float], seconds: float, run: Tried) -> list[Step]:
    """Try rates, lowest first, each for an equal part of ``seconds``; end with one that fails twice."""
    steps: list[Step] = []
    for rate in rates:
        schedule = Schedule.flat(rate, seconds / len(rates))
        for _ in range(2):
            steps.append(Step(rate, await run(schedule, len(steps))))
            if steps[-1].fault is None:
                break
        else:
            break
    return steps


def knee_of(steps: Sequence[Step]) -> Step | None:
    """Return the last step before one did not hold; None: not even the first did."""
    return next((step for step in reversed(steps) if step.fault is None), None)


def described(steps: Sequence[Step]) -> dict[str, object]:
    """Return the search for a report; nothing if there was none.

    ``knee_is_bound``: the knee is at least this, since the generator or the steps ran out first.
    """
    if not steps:
        return {}
    knee, last = knee_of(steps), steps[-1]
    return {
        "steps": [step.row() for step in steps],
        "knee_per_s": knee.rate_per_s if knee else 0.0,
        "knee_goodput_per_s": knee.record.goodput_per_s if knee else 0.0,
        "knee_is_bound": last.fault is None or last.record.is_void,
        "send_lag_limit_ms": LAG_LIMIT_MS,
    }
