"""What a recommender is fitted for: plain choices, or what a choice is worth. Arrays in, arrays out.

``revenue`` enters twice, and serving adds nothing to it:

- base models see each interaction weighted by the square root of its restaurant's worth, which
  balances worth against the number of examples;
- the ranker's conditional logit weighs each held-in choice by its worth and may use log v, so its
  softmax estimates shares of *money*, not of choices.
"""

from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from maitred.errors import InvalidDataset

__all__ = ["OBJECTIVES", "VALUE_STATEMENTS", "Fitting", "choice_weights", "item_weights", "values"]

Fitting = Literal["clicks", "revenue"]
OBJECTIVES: Final[tuple[str, ...]] = get_args(Fitting)

Floats = NDArray[np.float64]

_WINSORISED_AT = 0.99
_PRIOR_CHOICES = 5.0
"""How many imagined choices of usual worth each restaurant's observed mean is shrunk by."""

VALUE_STATEMENTS: Final[dict[str, str]] = {
    "clicks": (
        "Value plays no part in the fit. Serving adds w * log v to log p of a choice, v winsorised "
        "at the 99th percentile; w = 1 is expected value."
    ),
    "revenue": (
        "Value is in the fit: interactions weigh sqrt(v), choices of the ranker weigh v, and log v "
        "is a feature; v is winsorised at the 99th percentile. The ranking is complete: no dial is "
        "added, or value would count twice."
    ),
}


def values(average: Floats, total: Floats, count: Floats, observed: Floats) -> NDArray[np.float32]:
    """Return what a choice of each restaurant is worth, minor units, shape [n], never ≤ 0.

    ``average`` is what the catalogue states (NaN: unknown), ``total`` and ``count`` sum the
    observed choices by restaurant, ``observed`` are all observed values. A restaurant's mean is
    shrunk towards the stated value, or else the overall mean; winsorised at the 99th percentile of
    ``observed``. Where no money is known at all, every choice is worth 1.
    """
    stated = average[np.isfinite(average) & (average > 0)]
    pool = observed if observed.size else stated
    if not pool.size or pool.max() <= 0:
        return np.ones(average.size, dtype=np.float32)
    prior = np.where(np.isfinite(average) & (average > 0), average, pool.mean())
    mean = (total + _PRIOR_CHOICES * prior) / (count + _PRIOR_CHOICES)
    ceiling = float(np.quantile(pool, _WINSORISED_AT))
    floor = min(1.0, ceiling)
    return np.clip(mean, floor, ceiling).astype(np.float32)


def item_weights(objective: Fitting, worth: NDArray[np.float32]) -> Floats | None:
    """Return how interactions weigh in base models, by restaurant, mean near 1; None: all alike.

    Raises:
        InvalidDataset: for revenue, if every choice is worth the same.
    """
    if objective == "clicks":
        return None
    if np.ptp(worth) == 0:
        msg = "objective revenue needs what choices are worth, and this data set does not say"
        step = "map `value` of the orders, or an average value of the restaurants, and import again"
        raise InvalidDataset(msg, next_step=step)
    root = np.sqrt(worth.astype(np.float64))
    weights: Floats = root / root.mean()
    return weights


def choice_weights(objective: Fitting, worth: Floats) -> Floats:
    """Return how choices weigh in the ranker's fit, given what each was worth; mean 1."""
    if objective == "clicks" or not worth.size:
        return np.ones(worth.size)
    weights: Floats = worth / worth.mean()
    return weights
