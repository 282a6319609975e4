"""What load there is, as data: a stream of queries and a rate over time.

Locust and the open loop read the same table. The open loop takes the rate as requests due per
second; locust's users wait for replies, so for them the rate is a number of users.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from loadtests.crowd import Crowd, browse, cold, dinner
from loadtests.schedule import Schedule
from maitred.client import Aim, Query
from maitred.errors import UsageError

__all__ = ["OVERLOAD", "SCENARIOS", "Scenario", "Stream", "scenario_named"]

OVERLOAD = 1.5
"""The overload, as a multiple of the knee."""

Shape = tuple[tuple[float, float], ...]


class Stream(Protocol):
    """Makes queries without end; the same seed gives the same ones."""

    def __call__(self, crowd: Crowd, aim: Aim, /, *, explain: bool, seed: int) -> Iterator[Query]:
        """Yield what is asked."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A stream and a shape; times and rates of the shape are shares of the run's."""

    name: str
    summary: str
    stream: Stream
    shape: Shape
    seconds: float | None = None
    """How long it lasts unless told; None: as long as p99.9 takes to be stated."""
    needs_places: bool = False
    steps: tuple[float, ...] = ()
    """Rates that are tried one after another until one does not hold, as shares of the rate."""

    @property
    def varies(self) -> bool:
        """Whether the rate changes within the run."""
        return len({share for _, share in self.shape}) > 1

    def schedule(self, rate_per_s: float, seconds: float) -> Schedule:
        """Return the rate over time; ``rate_per_s`` is what the shape's shares are of."""
        return Schedule.shaped(self.shape, rate_per_s, seconds)


_FLAT: Shape = ((0.0, 1.0), (1.0, 1.0))
_EVENING: Shape = ((0.0, 0.3), (0.15, 0.3), (0.45, 1.0), (0.65, 1.0), (0.9, 0.3), (1.0, 0.3))
_STEPS = tuple(0.5 * 1.25**number for number in range(14))
"""Half the rate to nine times it, each step a quarter above the one before."""


def _stairs(shares: tuple[float, ...]) -> Shape:
    edges = [number / len(shares) for number in range(len(shares) + 1)]
    return tuple(
        point
        for share, sooner, later in zip(shares, edges, edges[1:], strict=False)
        for point in ((sooner, share), (later, share))
    )


SCENARIOS: Mapping[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            "browse",
            "diners look for a place, one query in ten with a price limit; one rate",
            browse,
            _FLAT,
        ),
        Scenario(
            "dinner-peak",
            "near, open for dinner, often of one cuisine; the rate rises to its peak and falls",
            dinner,
            _EVENING,
            needs_places=True,
        ),
        Scenario("cold", "only diners whom nobody knows, half of them anonymous", cold, _FLAT),
        Scenario(
            "steps",
            "browse at half the rate, then a quarter more each step, until one does not hold",
            browse,
            _stairs(_STEPS),
            seconds=56.0,
            steps=_STEPS,
        ),
        Scenario("soak", "browse for long: leaks and slow growth", browse, _FLAT, seconds=1800.0),
        Scenario(
            "overload",
            f"browse at {OVERLOAD:g} times the rate, which is the knee",
            browse,
            ((0.0, OVERLOAD), (1.0, OVERLOAD)),
            seconds=60.0,
        ),
    )
}
"""By name, in the order of the documentation."""


def scenario_named(name: str) -> Scenario:
    """Return a scenario.

    Raises:
        UsageError: if there is none of that name.
    """
    if name not in SCENARIOS:
        msg = f"'{name}' is no scenario"
        raise UsageError(msg, next_step=f"name one of {', '.join(SCENARIOS)}")
    return SCENARIOS[name]
