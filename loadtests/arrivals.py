"""When requests are due: decided before the run, so that a slow server cannot slow the offer."""

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from maitred.seeds import generator

__all__ = ["Arrivals", "due_times"]


class Arrivals(StrEnum):
    """The shape of the offered load."""

    POISSON = "poisson"
    """Independent diners: gaps are exponential, bursts happen."""
    CONSTANT = "constant"
    """Equal gaps."""


def due_times(kind: Arrivals, rate_per_s: float, seconds: float, seed: int) -> NDArray[np.float64]:
    """Return the moments, in seconds from the start, at which requests are due, ascending.

    All are below ``seconds``. Poisson arrivals are drawn conditionally: their number is Poisson
    with mean rate x seconds, their places are uniform.
    """
    if kind is Arrivals.CONSTANT:
        return np.arange(int(rate_per_s * seconds), dtype=np.float64) / rate_per_s
    rng = generator(seed, "arrivals")
    return np.sort(rng.uniform(0.0, seconds, size=int(rng.poisson(rate_per_s * seconds))))
