"""What an open-loop run measured, one entry a request: percentiles, rungs and shares come from it.

Columns, so that any part of a run (a step, the time outside of faults) is a run like the whole.
"""

from collections import Counter
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from loadtests.reply import RUNGS
from maitred.client.waits import Percentiles, percentile

__all__ = ["LAG_LIMIT_MS", "Record", "concatenated"]

LAG_LIMIT_MS = 5.0
"""Largest p99.9 send lag of a run that counts, in milliseconds."""

Floats = NDArray[np.float64]
Codes = NDArray[np.uint8]
Bools = NDArray[np.bool_]
Names = tuple[str, ...]

_PERSONALISED = 1 + RUNGS.index("personalised")


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """Columns of one length, in the order in which the requests were due; code 0 says none."""

    due_s: Floats
    lag_ms: Floats
    """Send lag: how late the generator itself was."""
    latency_ms: Floats
    """From the moment due to the last byte; given up: to that moment."""
    failure: Codes
    """Place in ``failure_names``, from 1."""
    rung: Codes
    """Place in :data:`loadtests.reply.RUNGS`, from 1."""
    degraded: Codes
    """Place in ``degraded_names``, from 1."""
    known: Bools
    """Whether the model knows the diner who asked."""
    resent: Bools
    failure_names: Names = ()
    degraded_names: Names = ()
    examples: tuple[str, ...] = ()
    """The first failures in words."""
    started_at: float = 0.0
    """When second 0 was, in seconds since 1970."""
    cpu_s: float = 0.0
    """What the generator itself used while requests were due."""
    is_punctual: bool = False
    """Whether it went first on its machine: see :mod:`loadtests.punctual`."""

    @property
    def failures(self) -> Counter[str]:
        """Failures by kind."""
        return _counted(self.failure, self.failure_names)

    @property
    def rungs(self) -> Counter[str]:
        """Replies by rung."""
        return _counted(self.rung, RUNGS)

    @property
    def shortages(self) -> Counter[str]:
        """Replies by what ran short."""
        return _counted(self.degraded, self.degraded_names)

    @property
    def percentiles(self) -> Percentiles:
        """Exact latency percentiles."""
        return Percentiles.of(self.latency_ms)

    @property
    def lag_p999_ms(self) -> float:
        """The send lag that decides whether the run counts."""
        return percentile(np.sort(self.lag_ms), 0.999) if self.lag_ms.size else 0.0

    @property
    def is_void(self) -> bool:
        """Whether the generator was too late for its figures to be the server's."""
        return self.lag_p999_ms > LAG_LIMIT_MS

    @property
    def is_personalised(self) -> Bools:
        """Which requests got a personalised list without a failure."""
        return np.asarray((self.rung == _PERSONALISED) & (self.failure == 0))

    @property
    def personalised_share(self) -> float | None:
        """Share of known diners' requests that were personalised; None: nobody was known."""
        known = int(self.known.sum())
        return float((self.is_personalised & self.known).sum() / known) if known else None

    @property
    def goodput_per_s(self) -> float:
        """Personalised lists in time, per second in which requests were due."""
        if not self.due_s.size:
            return 0.0
        lasted_s = float(self.due_s[-1] - self.due_s[0]) or 1.0
        return float(self.is_personalised.sum()) / lasted_s

    def part(self, chosen: Bools) -> "Record":
        """Return the requests that ``chosen`` marks, as a run of their own."""
        columns = {name: getattr(self, name)[chosen] for name in _COLUMNS}
        return replace(self, **columns)

    def summary(self) -> dict[str, object]:
        """Return the run for a report."""
        share = self.personalised_share
        used_us = self.cpu_s * 1e6 / max(self.due_s.size, 1)
        return {
            **self.percentiles.rounded(),
            "failures": self.failures.total(),
            "failures_by_kind": dict(self.failures),
            "rungs": dict(self.rungs),
            "degraded": dict(self.shortages),
            "known_requests": int(self.known.sum()),
            "personalised_share": None if share is None else round(share, 5),
            "strangers_degraded": int(((self.degraded > 0) & ~self.known).sum()),
            "goodput_per_s": round(self.goodput_per_s, 2),
            "resent": int(self.resent.sum()),
            "send_lag_p999_ms": round(self.lag_p999_ms, 3),
            "void": self.is_void,
            "generator_cpu_us_per_request": round(used_us, 1),
            "generator_real_time": self.is_punctual,
            "examples": list(self.examples),
        }

    def save(self, path: Path) -> None:
        """Write every column and name to an ``.npz`` file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        columns: dict[str, Any] = {f.name: np.asarray(getattr(self, f.name)) for f in fields(self)}
        np.savez(path, **columns)

    @classmethod
    def load(cls, path: Path) -> "Record":
        """Read what :meth:`save` wrote."""
        with np.load(path) as stored:
            found = {name: stored[name] for name in stored.files}
        for name in ("failure_names", "degraded_names", "examples"):
            found[name] = tuple(str(text) for text in found[name])
        for name in ("started_at", "cpu_s"):
            found[name] = float(found[name])
        found["is_punctual"] = bool(found["is_punctual"])
        return cls(**found)


_COLUMNS = ("due_s", "lag_ms", "latency_ms", "failure", "rung", "degraded", "known", "resent")


def concatenated(runs: list[Record]) -> Record:
    """Return runs of one generator, one after another, as one run; moments are the first one's."""
    first = runs[0]
    failures, shortages = (
        tuple(dict.fromkeys(n for run in runs for n in getattr(run, names)))
        for names in ("failure_names", "degraded_names")
    )
    columns: dict[str, Any] = {name: [getattr(run, name) for run in runs] for name in _COLUMNS}
    columns["due_s"] = [run.due_s + run.started_at - first.started_at for run in runs]
    columns["failure"] = [_recoded(r.failure, r.failure_names, failures) for r in runs]
    columns["degraded"] = [_recoded(r.degraded, r.degraded_names, shortages) for r in runs]
    joined: dict[str, Any] = {name: np.concatenate(parts) for name, parts in columns.items()}
    return replace(
        first,
        **joined,
        failure_names=failures,
        degraded_names=shortages,
        examples=tuple(text for run in runs for text in run.examples),
        cpu_s=sum(run.cpu_s for run in runs),
    )


def _recoded(codes: Codes, old: Names, new: Names) -> Codes:
    table = np.array([0, *(1 + new.index(name) for name in old)], dtype=np.uint8)
    return table[codes]


def _counted(codes: Codes, names: Names) -> Counter[str]:
    counts = np.bincount(codes, minlength=len(names) + 1)[1:]
    return Counter({name: int(n) for name, n in zip(names, counts, strict=True) if n})
