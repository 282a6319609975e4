"""Means with their uncertainty: percentile bootstrap over diners, who are the independent units."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["Interval", "interval"]

Interval = tuple[float, float, float]
"""Mean, then the low and high end of its 95 % interval."""

_RESAMPLES = 1000
_BLOCK = 100


def interval(values: NDArray[np.float64], rng: np.random.Generator) -> Interval:
    """Return the mean of one value a diner; for a difference give the paired differences.

    Of nothing it is (0, 0, 0): report how many there were beside it.
    """
    n = values.size
    if n == 0:
        return 0.0, 0.0, 0.0
    means = np.concatenate(
        [
            values[rng.integers(n, size=(_BLOCK, n))].mean(axis=1)
            for _ in range(_RESAMPLES // _BLOCK)
        ]
    )
    low, high = np.percentile(means, [2.5, 97.5])
    return float(values.mean()), float(low), float(high)
