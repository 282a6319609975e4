"""When requests are due: decided before the run, so that a slow server cannot slow the offer."""

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from loadtests.schedule import Schedule
from maitred.seeds import generator

__all__ = ["Arrivals", "due_times"]


class Arrivals(StrEnum):
    """The shape of the offered load."""

    POISSON = "poisson"
    """Independent diners: gaps are exponential, bursts happen."""
    CONSTANT = "constant"
    """Equal gaps, as far as the rate does not change."""


def due_times(kind: Arrivals, schedule: Schedule, seed: int) -> NDArray[np.float64]:
    """Return the moments, in seconds from the start, at which requests are due, ascending.

    All are below ``schedule.seconds``. Poisson arrivals are drawn conditionally: their number is
    Poisson with the schedule's expectation as its mean, their places follow its rate.
    """
    whole = schedule.expected
    if kind is Arrivals.CONSTANT:
        return schedule.moments(np.arange(int(whole + 1e-9), dtype=np.float64))
    rng = generator(seed, "arrivals")
    return schedule.moments(np.sort(rng.uniform(0.0, whole, size=int(rng.poisson(whole)))))
