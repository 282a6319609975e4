"""How many requests are due when: a rate that changes in straight lines, as data."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

__all__ = ["Leg", "Schedule"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Leg:
    """A stretch of time over which the rate goes from ``first`` to ``last`` in a straight line."""

    seconds: float
    first: float
    """Requests due per second."""
    last: float


@dataclass(frozen=True, slots=True)
class Schedule:
    """Legs one after another."""

    legs: tuple[Leg, ...]

    @classmethod
    def flat(cls, rate_per_s: float, seconds: float) -> "Schedule":
        """Return one rate throughout."""
        return cls((Leg(seconds, rate_per_s, rate_per_s),))

    @classmethod
    def shaped(
        cls, shape: Sequence[tuple[float, float]], rate_per_s: float, seconds: float
    ) -> "Schedule":
        """Return straight lines through the points (share of the time, share of the rate).

        The first point's time is 0, the last one's is 1; two points of one time are a step.
        """
        return cls(
            tuple(
                Leg((later - sooner) * seconds, first * rate_per_s, last * rate_per_s)
                for (sooner, first), (later, last) in pairwise(shape)
                if later > sooner
            )
        )

    @property
    def seconds(self) -> float:
        """How long requests are due."""
        return sum(leg.seconds for leg in self.legs)

    @property
    def expected(self) -> float:
        """How many requests are due: the area under the rate."""
        return sum(leg.seconds * (leg.first + leg.last) / 2 for leg in self.legs)

    @property
    def peak_per_s(self) -> float:
        """The highest rate."""
        return max((max(leg.first, leg.last) for leg in self.legs), default=0.0)

    def rate_at(self, at_s: float) -> float:
        """Return the rate at a moment; 0 before the start and from the end on."""
        if at_s < 0:
            return 0.0
        for leg in self.legs:
            if at_s < leg.seconds:
                return leg.first + (leg.last - leg.first) * at_s / leg.seconds
            at_s -= leg.seconds
        return 0.0

    def moments(self, areas: Floats) -> Floats:
        """Return when the area under the rate reaches each of ``areas``, ascending and below the whole.

        So arrivals of rate 1 become arrivals of this schedule: the inverse of the integrated rate.
        """
        moments = np.empty_like(areas)
        began_s = area = 0.0
        for leg in self.legs:
            size = leg.seconds * (leg.first + leg.last) / 2
            inside = (areas >= area) & (areas < area + size)
            moments[inside] = began_s + _within(leg, areas[inside] - area)
            began_s, area = began_s + leg.seconds, area + size
        return moments


def _within(leg: Leg, areas: Floats) -> Floats:
    """Solve ``first t + slope t²/2 = area`` for t, in the form that does not cancel."""
    slope = (leg.last - leg.first) / leg.seconds
    root = np.sqrt(np.maximum(leg.first**2 + 2 * slope * areas, 0.0))
    divisor = leg.first + root
    return np.divide(2 * areas, divisor, out=np.zeros_like(areas), where=divisor > 0)
