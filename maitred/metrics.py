"""Measures of lists against what was chosen, and how sure they are. numpy only, no I/O.

Every measure is exact over all candidates; nothing is sampled but the bootstrap. Ranks count from
0; a rank of k or more, or :data:`MISSED`, is outside the list.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "MISSED",
    "bootstrap_means",
    "captured_value",
    "coverage",
    "gini",
    "hit_rate",
    "interval",
    "ndcg",
    "recall",
]

Floats = NDArray[np.float64]
Ranks = NDArray[np.int64]

MISSED = np.iinfo(np.int32).max
"""Rank of what is not in the list at all."""


def _per_case(values: Floats, owner: NDArray[np.int64], cases: int) -> Floats:
    return np.bincount(owner, weights=values, minlength=cases).astype(np.float64)


def hit_rate(ranks: Ranks, owner: NDArray[np.int64], cases: int, k: int = 10) -> Floats:
    """Return, by case, 1 where the first k hold any target; ``owner`` [t] is a target's case."""
    return np.minimum(_per_case((ranks < k).astype(np.float64), owner, cases), 1.0)


def recall(ranks: Ranks, owner: NDArray[np.int64], cases: int, k: int = 10) -> Floats:
    """Return, by case, the share of its targets in the first k; at most min(k, targets) count."""
    hits = _per_case((ranks < k).astype(np.float64), owner, cases)
    targets = np.bincount(owner, minlength=cases)
    share = np.zeros(cases)
    np.divide(hits, np.minimum(targets, k), out=share, where=targets > 0)
    return share


def ndcg(ranks: Ranks, owner: NDArray[np.int64], cases: int, k: int = 10) -> Floats:
    """Return, by case, NDCG with binary gains (Järvelin & Kekäläinen 2002)."""
    gains = np.where(ranks < k, 1.0 / np.log2(np.minimum(ranks, k) + 2.0), 0.0)
    ideal = np.concatenate([[0.0], np.cumsum(1.0 / np.log2(np.arange(k) + 2.0))])
    best = ideal[np.minimum(np.bincount(owner, minlength=cases), k)]
    found, share = _per_case(gains, owner, cases), np.zeros(cases)
    np.divide(found, best, out=share, where=best > 0)
    return share


def captured_value(
    ranks: Ranks, worth: Floats, owner: NDArray[np.int64], cases: int, k: int = 10
) -> Floats:
    """Return, by case, the value of the held-out choices that the first k contained.

    How well money is predicted; not what a policy would have caused.
    """
    return _per_case(np.where(ranks < k, worth, 0.0), owner, cases)


def coverage(exposure: NDArray[np.int64]) -> float:
    """Return the share of restaurants that any list showed; ``exposure`` [n] counts showings."""
    return float((exposure > 0).mean()) if exposure.size else 0.0


def gini(exposure: NDArray[np.int64]) -> float:
    """Return the Gini coefficient of showings: 0 all alike, towards 1 one restaurant gets all."""
    if exposure.size == 0 or exposure.sum() == 0:
        return 0.0
    ordered = np.sort(exposure).astype(np.float64)
    n = ordered.size
    weighted = float((np.arange(1, n + 1) * ordered).sum())
    return 2.0 * weighted / (n * float(ordered.sum())) - (n + 1.0) / n


def bootstrap_means(columns: Floats, rng: np.random.Generator, resamples: int = 1000) -> Floats:
    """Return the means of resampled cases, [resamples, columns]; ``columns`` is [cases, columns].

    All columns see the same resamples, so differences between columns are paired.
    """
    cases = columns.shape[0]
    means = np.empty((resamples, columns.shape[1]))
    if cases == 0:
        means[:] = np.nan
        return means
    for i in range(resamples):
        drawn = np.bincount(rng.integers(0, cases, cases), minlength=cases)
        means[i] = drawn.astype(np.float64) @ columns  # floats: the fast product
    means /= cases
    return means


def interval(value: float, means: Floats, level: float = 0.95) -> tuple[float, float, float]:
    """Return (value, low, high) from resampled means [resamples], the percentile bootstrap."""
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(means, [tail, 1.0 - tail])
    return value, float(low), float(high)
