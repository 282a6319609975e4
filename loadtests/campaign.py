"""What `make load` runs, one run after another: rated, with faults, to the knee and over it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from loadtests import children
from loadtests.faults import Fault, injected, needed_s
from loadtests.known import write_known_diners
from loadtests.record import Record
from loadtests.reports import REPORTS
from loadtests.scenarios import SCENARIOS, Scenario
from loadtests.stack import Stack
from loadtests.windows import FaultWindow, shares
from maitred.client import Aim
from maitred.client.waits import P999_FROM
from maitred.clock import Clock

__all__ = ["Campaign", "Place", "Result", "rated_per_s"]

_DEFAULT_RATE = 200.0
_ENOUGH = 1.04 * P999_FROM
"""Requests offered by default: four standard deviations above where p99.9 may be stated."""
_LEAST_S, _MOST_S = 5.0, 120.0
_AT_KNEE_S = 10.0


@dataclass(frozen=True, slots=True)
class Place:
    """What is loaded."""

    url: str
    stack: Stack | None = None
    """None: somewhere else, where nothing can be broken on purpose."""
    catalogue: Path | None = None
    users: Path | None = None

    @classmethod
    def of(cls, target: "Stack | str", users: Path | None) -> "Place":
        """Return a stack of this machine with its catalogue and known diners, or a bare URL."""
        if isinstance(target, str):
            return cls(target, users=users)
        folder = target.model_folder("clicks")
        return cls(target.inference_url, target, folder, users or write_known_diners(target))


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """One run of the open loop."""

    name: str
    summary: dict[str, Any]
    record: Record
    windows: tuple[FaultWindow, ...] = ()


@dataclass(slots=True)
class Campaign:
    """Runs of one place with the same options; results in the order in which they were made."""

    place: Place
    clock: Clock
    rate: float
    seconds: float | None = None
    flags: Sequence[str] = ()
    results: list[Result] = field(default_factory=list)
    people: dict[str, dict[str, object]] = field(default_factory=dict)

    def seconds_of(self, scenario: Scenario) -> float:
        """Return how long a scenario is offered: as told, else its own length, else for p99.9."""
        if self.seconds or scenario.seconds:
            return self.seconds or scenario.seconds or _LEAST_S
        per_s = scenario.schedule(self.rate, 1.0).expected
        return min(max(_ENOUGH / per_s, _LEAST_S), _MOST_S)

    def browse(self, aim: Aim, scenario: Scenario, *, users: int, seconds: float) -> None:
        """Let people play a scenario."""
        name = _named(aim, scenario)
        self.people[name] = children.locust(
            self.place.url, aim, users=users, seconds=seconds, users_file=self.place.users,
            scenario=scenario.name,
        )  # fmt: skip

    def rated(self, aim: Aim, scenario: Scenario) -> Result:
        """Offer a scenario."""
        return self._offer(_named(aim, scenario), aim, scenario, self.rate)

    def with_faults(self, aim: Aim, scenario: Scenario, faults: Sequence[Fault]) -> Result:
        """Offer a scenario long enough for every fault, and strike them meanwhile."""
        seconds = max(self.seconds_of(scenario), needed_s(faults))
        name = f"{_named(aim, scenario)} with faults"
        with injected(faults, self.clock, seconds=seconds) as injector:
            made = self._offer(name, aim, scenario, self.rate, seconds=seconds)
        self.results.remove(made)
        windows = tuple(injector.windows)
        made.summary["faults"] = shares(made.record, windows) | {"problems": injector.problems}
        result = Result(name, made.summary, made.record, windows)
        self.results.append(result)
        return result

    def overload(self, aim: Aim, knee: float | None) -> Result | None:
        """Offer half again what the service can carry; the knee is looked for unless it is given.

        If not even the lowest step held there is no knee to go over, and the steps' result says so.
        """
        name = aim.name
        if knee is None:
            steps = self._offer(f"{name} steps", aim, SCENARIOS["steps"], self.rate)
            knee, good = steps.summary["knee_per_s"], steps.summary["knee_goodput_per_s"]
        else:
            at_knee = self._offer(
                f"{name} at the knee", aim, SCENARIOS["browse"], knee, seconds=_AT_KNEE_S
            )
            at_knee.summary["is_reference"] = True
            good = at_knee.record.goodput_per_s
        if not knee:
            return None
        result = self._offer(f"{name} overload", aim, SCENARIOS["overload"], knee)
        result.summary["knee_per_s"] = knee
        result.summary["goodput_of_knee"] = round(result.record.goodput_per_s / max(good, 1e-9), 4)
        return result

    def _offer(
        self, name: str, aim: Aim, scenario: Scenario, rate: float, seconds: float | None = None
    ) -> Result:
        place = self.place
        summary, record = children.offer(
            place.url,
            aim,
            rate=rate,
            seconds=seconds or self.seconds_of(scenario),
            options=[
                *("--scenario", scenario.name, *self.flags),
                *(("--users-file", str(place.users)) if place.users else ()),
                *(("--catalogue", str(place.catalogue)) if place.catalogue else ()),
            ],
        )
        result = Result(name, summary | {"rate_per_s": round(rate, 1)}, record)
        self.results.append(result)
        return result


def rated_per_s() -> float:
    """Return the rated load that the newest bench of this machine measured, else 200."""
    try:
        rate = orjson.loads((REPORTS / "bench-serve.json").read_bytes())["rated_per_s"]
    except (OSError, ValueError, KeyError):
        return _DEFAULT_RATE
    return float(rate)


def _named(aim: Aim, scenario: Scenario) -> str:
    return aim.name if scenario.name == "browse" else f"{aim.name} {scenario.name}"
