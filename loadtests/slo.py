"""The service level objective as numbers in a file, and the verdict on a run's exact figures."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any, Literal

from typing_extensions import override

from maitred.errors import UsageError

__all__ = ["SLO_FILE", "Check", "Faults", "Outcome", "Overload", "Slo", "read_slo", "worst"]

SLO_FILE = Path(__file__).with_name("slo.toml")

Summary = Mapping[str, object]


class Outcome(IntEnum):
    """A verdict; the value is the exit code."""

    PASSED = 0
    FAILED = 1
    VOID = 3


@dataclass(frozen=True, slots=True)
class Check:
    """One limit held against one figure; a value of None was not stated and is not judged."""

    name: str
    value: float | None
    limit: float
    bound: Literal["at most", "at least"] = "at most"

    @property
    def passed(self) -> bool:
        """Whether the figure keeps the limit."""
        if self.value is None:
            return True
        return self.value <= self.limit if self.bound == "at most" else self.value >= self.limit

    def row(self) -> dict[str, object]:
        """Return the check for a report."""
        return {"name": self.name, "value": self.value, "limit": self.limit, "bound": self.bound,
                "passed": self.passed}  # fmt: skip

    @override
    def __str__(self) -> str:
        value = "not stated" if self.value is None else f"{self.value:g}"
        return f"{self.name} {value} ({self.bound} {self.limit:g})"


@dataclass(frozen=True, slots=True)
class Faults:
    """Limits of a run with faults."""

    outside: float | None = None
    """Smallest personalised share of known diners outside fault windows + 2 s."""
    during: Mapping[str, float] = field(default_factory=dict)
    """Smallest personalised share inside the windows, by kind of fault."""

    def checks(self, shares: Summary) -> Iterable[Check]:
        """Hold the shares of :func:`loadtests.windows.shares` against the limits."""
        if self.outside is not None:
            value = _figure(shares, "outside_personalised_share")
            yield Check("personalised outside faults", value, self.outside, "at least")
        during = shares.get("during")
        for kind, seen in during.items() if isinstance(during, Mapping) else ():
            if kind in self.during:
                value = _figure(seen, "personalised_share")
                yield Check(f"personalised during {kind}", value, self.during[kind], "at least")


@dataclass(frozen=True, slots=True)
class Overload:
    """Limits of a run over the knee."""

    goodput: float | None = None
    """Smallest goodput, as a share of that at the knee."""


@dataclass(frozen=True, slots=True)
class Slo:
    """The limits; None: not judged. See ``slo.toml``."""

    p999_ms: float | None = None
    failures: int | None = None
    send_lag_p999_ms: float | None = None
    personalised: float | None = None
    faults: Faults = field(default_factory=Faults)
    overload: Overload = field(default_factory=Overload)

    def checks(self, summary: Summary) -> list[Check]:
        """Hold an open-loop run's summary against each limit that its kind of run has.

        A run with ``faults`` in its summary is one with faults, one with ``goodput_of_knee`` is an
        overload, one with ``steps`` ends where the service can carry no more, so only that some
        step held is asked of it; ``is_reference`` marks what others are compared with.
        """
        if summary.get("is_reference"):
            return []
        if "steps" in summary:
            return [Check("knee per s", _figure(summary, "knee_per_s"), 1.0, "at least")]
        at_most = {"p99.9 ms": ("p999_ms", self.p999_ms), "failures": ("failures", self.failures)}
        checks = [
            Check(name, _figure(summary, key), limit)
            for name, (key, limit) in at_most.items()
            if limit is not None
        ]
        shares = summary.get("faults")
        if isinstance(shares, Mapping):
            checks += self.faults.checks(shares)
        elif "goodput_of_knee" in summary:
            if self.overload.goodput is not None:
                value = _figure(summary, "goodput_of_knee")
                checks.append(
                    Check("goodput of the knee's", value, self.overload.goodput, "at least")
                )
        elif self.personalised is not None:
            share = _figure(summary, "personalised_share")
            checks.append(Check("personalised", share, self.personalised, "at least"))
        return checks

    def judge(self, summary: Summary) -> Outcome:
        """Return the verdict.

        Nothing asked is no evidence, nor are faults that did not happen: void too.
        """
        lag, limit = _figure(summary, "send_lag_p999_ms"), self.send_lag_p999_ms
        is_late = lag is not None and limit is not None and lag > limit
        shares = summary.get("faults")
        has_problems = isinstance(shares, Mapping) and bool(shares.get("problems"))
        if "steps" in summary:  # the generator ends a climb when it is late, and has found a bound
            is_late = bool(summary.get("knee_is_bound")) and not summary.get("knee_per_s")
        if not summary.get("requests") or has_problems or is_late:
            return Outcome.VOID
        passed = all(check.passed for check in self.checks(summary))
        return Outcome.PASSED if passed else Outcome.FAILED


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """Return the verdict on several runs: a failure is a failure, whatever else was void."""
    found = set(outcomes)
    return next((o for o in (Outcome.FAILED, Outcome.VOID) if o in found), Outcome.PASSED)


def read_slo(path: Path) -> Slo:
    """Read the limits.

    Raises:
        UsageError: if the file is not there, or names other limits.
    """
    try:
        stated: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        faults = Faults(**stated.pop("faults", {}))
        overload = Overload(**stated.pop("overload", {}))
        return Slo(**stated, faults=faults, overload=overload)
    except (OSError, tomllib.TOMLDecodeError, TypeError) as error:
        msg = f"{path} does not state the limits of an SLO: {error}"
        raise UsageError(msg, next_step=f"start from {SLO_FILE.name}") from error


def _figure(summary: Summary, name: str) -> float | None:
    value = summary.get(name)
    return float(value) if isinstance(value, int | float) else None
