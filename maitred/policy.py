"""How scores become a list: the objective, the revenue dial, and exploration with its propensities.

Pure arithmetic, shared by serving and off-line evaluation, so that both mean the same thing.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from maitred.errors import InvalidInput

__all__ = [
    "EXPLORED_POOL",
    "Cap",
    "Choice",
    "Objective",
    "Policy",
    "along",
    "dial",
    "explore",
    "greedy",
    "list_propensities",
    "log_softmax",
    "pool_of",
    "resolve",
]

EXPLORED_POOL = 50
"""How many of the best restaurants exploration draws from; what an impression logs as its pool."""

_SMALL = 128
"""Up to how many scores sorting them all is faster than looking for the best first."""

_NEGLIGIBLE = -600.0
"""Log weight, against the largest, from which on weights leave the range of floats."""

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
Bools = NDArray[np.bool_]


class Objective(StrEnum):
    """What a list is ranked for."""

    CLICKS = "clicks"
    REVENUE = "revenue"
    BALANCED = "balanced"


@dataclass(frozen=True, slots=True)
class Policy:
    """What a request asked for, settled: which recommender ranks, and how far the dial is turned.

    ``weight`` is None for the revenue recommender, which is ranked as its artefact declares.
    """

    objective: Objective
    recommender: Objective
    weight: float | None

    @property
    def name(self) -> str:
        """Name for logs and reports: ``clicks``, ``revenue``, ``balanced`` or ``w=0.25``."""
        if self.objective is Objective.BALANCED or not self.weight:
            return self.objective.value
        return f"w={self.weight:g}"


def resolve(
    objective: Objective | None, revenue_weight: float | None, *, balanced_weight: float
) -> Policy:
    """Settle a request's objective and dial.

    ``revenue_weight`` alone, or with ``balanced``, turns the dial on the clicks recommender.

    Raises:
        InvalidInput: if a weight comes with ``clicks`` or ``revenue``, or is outside [0, 1].
    """
    if revenue_weight is not None:
        if objective not in {None, Objective.BALANCED}:
            reason = f"cannot be combined with objective={objective}; omit one of the two"
            msg = f"revenue_weight {reason}"
            raise InvalidInput(msg, fields=(("revenue_weight", reason),))
        if not 0.0 <= revenue_weight <= 1.0:
            msg = "revenue_weight must be between 0 and 1"
            raise InvalidInput(msg, fields=(("revenue_weight", "must be between 0 and 1"),))
        if objective is None:
            return Policy(Objective.CLICKS, Objective.CLICKS, revenue_weight)
        return Policy(Objective.BALANCED, Objective.CLICKS, revenue_weight)
    match objective or Objective.CLICKS:
        case Objective.CLICKS:
            return Policy(Objective.CLICKS, Objective.CLICKS, 0.0)
        case Objective.REVENUE:
            return Policy(Objective.REVENUE, Objective.REVENUE, None)
        case Objective.BALANCED:
            return Policy(Objective.BALANCED, Objective.CLICKS, balanced_weight)


def log_softmax(utilities: Floats) -> Floats:
    """Return log probabilities of a multinomial logit; shape kept, sums to one in probability."""
    if utilities.size == 0:
        return utilities
    shifted = utilities - utilities.max()
    result: Floats = shifted - np.log(np.exp(shifted).sum())
    return result


def dial(log_p: Floats, log_v: Floats, weight: float | None) -> Floats:
    """Return log p̂(choice) + w · log v; None leaves a recommender's own ranking alone."""
    return log_p if not weight else log_p + weight * log_v


def greedy(scores: Floats, k: int) -> Indices:
    """Return the positions of the k best scores, best first; ties by position, which is by id."""
    if k >= scores.size or scores.size <= _SMALL:
        order: Indices = np.argsort(-scores, kind="stable")[:k]
        return order
    cut = np.partition(scores, -k)[-k]
    near = np.flatnonzero(scores >= cut)
    return near[np.argsort(-scores[near], kind="stable")][:k]


@dataclass(frozen=True, slots=True, eq=False)
class Cap:
    """At most ``most`` restaurants of one group in a list.

    ``groups`` [pool]: the number of each restaurant's group, from 0; -1 is in none, and never
    left out.
    """

    groups: Indices
    most: int

    def of(self, positions: Indices) -> "Cap":
        """Return the cap on some of the restaurants, in this order."""
        return replace(self, groups=self.groups[positions])

    def passes(self) -> Bools:
        """Return which restaurants are taken when they are met in their order, [pool]."""
        by_group = np.argsort(self.groups, kind="stable")
        grouped = self.groups[by_group]
        before = np.empty(grouped.size, dtype=np.intp)
        before[by_group] = np.arange(grouped.size) - np.searchsorted(grouped, grouped)
        passing: Bools = (before < self.most) | (self.groups < 0)
        return passing


def along(order: Indices, k: int, cap: Cap | None) -> Indices:
    """Return the first k of an order that a cap lets pass.

    When these are fewer than k, those that the cap left out follow, in their order: a cap makes
    no list shorter.
    """
    if cap is None:
        return order[:k]
    passing = cap.of(order).passes()
    chosen = order[passing][:k]
    if chosen.size < k:
        chosen = np.concatenate([chosen, order[~passing][: k - chosen.size]])
    return chosen


def pool_of(scores: Floats, k: int, cap: Cap | None = None) -> Indices:
    """Return what a list of k is drawn from, best first: the 50 or k with the best scores.

    With a cap also the best k that it lets pass, so that every draw finds as many as there are:
    groups with a limit each are a partition matroid, whose maximal sets all have one size.
    """
    count = max(EXPLORED_POOL, k)
    if cap is None:
        return greedy(scores, count)
    ranked = greedy(scores, scores.size)
    passing = cap.of(ranked).passes()
    passing &= np.cumsum(passing) <= k
    passing[:count] = True
    return ranked[passing]


@dataclass(frozen=True, slots=True)
class Choice:
    """A list that was drawn: positions in the pool, best first, and the chance of each."""

    positions: Indices
    propensities: Floats


def list_propensities(
    utilities: Floats, positions: Indices, last_ranks: Indices | None = None
) -> Floats:
    """Return, for each rank, P(this one here | those above) under Plackett-Luce.

    ``utilities`` are log weights of the whole pool, shape [pool]; ``positions`` the list drawn
    without replacement from it, shape [k]. ``last_ranks`` [pool]: the last rank, from 0, for
    which each restaurant could still be drawn; omitted: its own, and k for those not in the list.
    R. L. Plackett (1975), The Analysis of Permutations.
    """
    k = positions.size
    if last_ranks is None:
        last_ranks = np.full(utilities.size, k)
        last_ranks[positions] = np.arange(k)
    shifted = utilities - utilities.max(initial=-np.inf)
    # What could be drawn at each rank is added up from the last one: no cancellation.
    if shifted.min(initial=0.0) > _NEGLIGIBLE:
        weights = np.exp(shifted)
        left = np.bincount(last_ranks, weights, minlength=k)[::-1].cumsum()[::-1]
        result: Floats = weights[positions] / left[:k]
        return result
    log_left = np.full(k + 1, -np.inf)
    np.logaddexp.at(log_left, last_ranks, shifted)
    log_left = np.logaddexp.accumulate(log_left[::-1])[::-1]
    chances: Floats = np.exp(np.minimum(shifted[positions] - log_left[:k], 0.0))
    return chances


def explore(
    scores: Floats,
    k: int,
    temperature: float,
    rng: np.random.Generator,
    cap: Cap | None = None,
) -> Choice:
    """Draw a list of k from the pool by Plackett-Luce with weights exp(score / temperature).

    Sampled by the Gumbel top-k trick (Vieira 2014; Kool et al. 2019). Temperature 0 is the greedy
    list with propensity 1.

    With a cap, each rank is drawn from what the cap still lets in: by Luce's choice axiom that is
    the perturbed order without what it leaves out. A list that it would cut short goes on with
    the others, drawn anew: what left them out earlier says something about their first draw.
    """
    if temperature == 0 or scores.size == 0:
        positions = along(greedy(scores, k if cap is None else scores.size), k, cap)
        return Choice(positions, np.ones(positions.size))
    utilities = scores / temperature
    perturbed = utilities + rng.gumbel(size=scores.size)
    if cap is None:
        positions = greedy(perturbed, k)
        return Choice(positions, list_propensities(utilities, positions))
    order = greedy(perturbed, perturbed.size)
    positions = order[cap.of(order).passes()][:k]
    last_ranks = _last_ranks(cap, positions)
    chances = list_propensities(utilities, positions, last_ranks)
    if positions.size == min(k, scores.size):
        return Choice(positions, chances)
    rest = np.setdiff1d(order, positions)
    more = explore(scores[rest], k - positions.size, temperature, rng)
    return Choice(
        np.concatenate([positions, rest[more.positions]]),
        np.concatenate([chances, more.propensities]),
    )


def _last_ranks(cap: Cap, positions: Indices) -> Indices:
    """Return up to which rank of a list each restaurant of the pool could still be drawn."""
    groups = cap.groups[positions]
    filled = np.full(int(cap.groups.max()) + 2, positions.size)  # the last one: those in no group
    for group in np.unique(groups[groups >= 0]).tolist():
        ranks = np.flatnonzero(groups == group)
        if ranks.size == cap.most:
            filled[group] = ranks[-1]
    last_ranks: Indices = filled[cap.groups]
    last_ranks[positions] = np.arange(positions.size)
    return last_ranks
