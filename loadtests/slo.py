"""The service level objective as numbers in a file, and the verdict on a run's exact figures."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from maitred.errors import UsageError

__all__ = ["SLO_FILE", "Check", "Outcome", "Slo", "read_slo"]

SLO_FILE = Path(__file__).with_name("slo.toml")


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

    @property
    def passed(self) -> bool:
        """Whether the figure keeps the limit."""
        return self.value is None or self.value <= self.limit


@dataclass(frozen=True, slots=True)
class Slo:
    """The limits; see ``slo.toml``."""

    p999_ms: float
    failures: int
    send_lag_p999_ms: float

    def checks(self, summary: Mapping[str, object]) -> list[Check]:
        """Hold an open-loop run's summary against each limit of the service."""
        return [
            Check("p99.9 ms", _figure(summary, "p999_ms"), self.p999_ms),
            Check("failures", _figure(summary, "failures"), self.failures),
        ]

    def judge(self, summary: Mapping[str, object]) -> Outcome:
        """Return the verdict; nothing asked is no evidence, so it is void too."""
        lag = _figure(summary, "send_lag_p999_ms")
        if not summary.get("requests") or (lag is not None and lag > self.send_lag_p999_ms):
            return Outcome.VOID
        passed = all(check.passed for check in self.checks(summary))
        return Outcome.PASSED if passed else Outcome.FAILED


def read_slo(path: Path) -> Slo:
    """Read the limits.

    Raises:
        UsageError: if the file is not there, or names other limits.
    """
    try:
        return Slo(**tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError, TypeError) as error:
        msg = f"{path} does not state the limits of an SLO: {error}"
        raise UsageError(msg, next_step=f"start from {SLO_FILE.name}") from error


def _figure(summary: Mapping[str, object], name: str) -> float | None:
    value = summary.get(name)
    return float(value) if isinstance(value, int | float) else None
