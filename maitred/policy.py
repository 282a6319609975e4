"""How scores become a list: the objective, the revenue dial, and exploration with its propensities.

Pure arithmetic, shared by serving and off-line evaluation, so that both mean the same thing.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from maitred.errors import InvalidInput

__all__ = [
    "EXPLORED_POOL",
    "Choice",
    "Objective",
    "Policy",
    "dial",
    "explore",
    "greedy",
    "list_propensities",
    "log_softmax",
    "resolve",
]

EXPLORED_POOL = 50
"""How many of the best restaurants exploration draws from; what an impression logs as its pool."""

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


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
    if k < scores.size:
        cut = np.partition(scores, -k)[-k]
        near = np.flatnonzero(scores >= cut)
    else:
        near = np.arange(scores.size)
    order: Indices = near[np.argsort(-scores[near], kind="stable")][:k]
    return order


@dataclass(frozen=True, slots=True)
class Choice:
    """A list that was drawn: positions in the pool, best first, and the chance of each."""

    positions: Indices
    propensities: Floats


def list_propensities(utilities: Floats, positions: Indices) -> Floats:
    """Return, for each rank, P(this one here | those above) under Plackett-Luce.

    ``utilities`` are log weights of the whole pool, shape [pool]; ``positions`` the list drawn
    without replacement from it, shape [k]. R. L. Plackett (1975), The Analysis of Permutations.
    """
    rest = np.delete(utilities, positions)
    chosen = utilities[positions]
    log_rest = np.logaddexp.reduce(rest) if rest.size else -np.inf
    # What is left of the pool at each rank, added up from the end: no cancellation, no underflow.
    log_left = np.logaddexp.accumulate(np.append(log_rest, chosen[::-1]))[:0:-1]
    result: Floats = np.exp(np.minimum(chosen - log_left, 0.0))
    return result


def explore(scores: Floats, k: int, temperature: float, rng: np.random.Generator) -> Choice:
    """Draw a list of k from the pool by Plackett-Luce with weights exp(score / temperature).

    Sampled by the Gumbel top-k trick (Vieira 2014; Kool et al. 2019). Temperature 0 is the greedy
    list with propensity 1.
    """
    if temperature == 0 or scores.size == 0:
        positions = greedy(scores, k)
        return Choice(positions, np.ones(positions.size))
    utilities = scores / temperature
    positions = greedy(utilities + rng.gumbel(size=scores.size), k)
    return Choice(positions, list_propensities(utilities, positions))
