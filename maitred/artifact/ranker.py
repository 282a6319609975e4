"""Stage two: from candidates to log p̂(choice), by a linear utility whose terms add up.

The utility of restaurant i is θ · x(i); p̂ is its softmax over the candidates: McFadden's
conditional logit (1974). Linear terms make every explanation exact.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maitred.artifact.candidates import neighbour_scores
from maitred.artifact.diners import Taste
from maitred.artifact.model import Model
from maitred.policy import log_softmax

__all__ = ["Scored", "feature_matrix", "score"]

_NEIGHBOUR_UNIT = 1e-3
"""Neighbour scores are chances of a choice; below this they say little more than nothing."""

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Candidates with what the ranker thinks of them.

    ``candidates`` indices [p]; ``features`` [p, f] in the manifest's order; ``log_p`` log p̂ over
    these candidates [p]; ``log_v`` log value in minor units [p]; ``normaliser`` is what was taken
    off every utility, so ``features @ weights - normaliser == log_p``.
    """

    candidates: Indices
    features: Floats
    log_p: Floats
    log_v: Floats
    normaliser: float


def feature_matrix(model: Model, taste: Taste, candidates: Indices) -> Floats:
    """Return the features of each candidate, [p, f], in the order the manifest names them."""
    matrix = np.empty((candidates.size, len(model.manifest.ranker.features)))
    for column, name in enumerate(model.manifest.ranker.features):
        matrix[:, column] = _FEATURES[name](model, taste, candidates)
    return matrix


def score(model: Model, taste: Taste, candidates: Indices) -> Scored:
    """Rank candidates; shapes as in :class:`Scored`."""
    features = feature_matrix(model, taste, candidates)
    utilities = features @ model.weights
    log_p = log_softmax(utilities)
    normaliser = float(utilities[0] - log_p[0]) if candidates.size else 0.0
    return Scored(candidates, features, log_p, model.log_values[candidates], normaliser)


def _vector(model: Model, taste: Taste, candidates: Indices) -> NDArray[np.floating]:
    if taste.vector is None:
        return np.zeros(candidates.size)
    return model.vectors[candidates] @ taste.vector


def _neighbours(model: Model, taste: Taste, candidates: Indices) -> NDArray[np.floating]:
    # Chances multiply where utilities add, so they enter as logarithms; 0 where nothing is said.
    return np.log1p(np.maximum(neighbour_scores(model, taste)[candidates], 0.0) / _NEIGHBOUR_UNIT)


def _places(model: Model, taste: Taste, values: NDArray[np.floating]) -> NDArray[np.floating]:
    spread = np.zeros(len(model.catalogue))
    spread[taste.items] = values
    return spread


def _own_recency(model: Model, taste: Taste, candidates: Indices) -> NDArray[np.floating]:
    return _places(model, taste, 1.0 / (1.0 + np.arange(taste.items.size)))[candidates]


def _own_choices(model: Model, taste: Taste, candidates: Indices) -> NDArray[np.floating]:
    return _places(model, taste, np.log1p(taste.choices))[candidates]


def _known(model: Model, taste: Taste, candidates: Indices) -> NDArray[np.floating]:
    return _places(model, taste, np.ones(taste.items.size))[candidates]


def _popularity(model: Model, _taste: Taste, candidates: Indices) -> NDArray[np.floating]:
    return model.log_popularity[candidates]


def _choices(model: Model, _taste: Taste, candidates: Indices) -> NDArray[np.floating]:
    return model.log_choices[candidates]


def _value(model: Model, _taste: Taste, candidates: Indices) -> NDArray[np.floating]:
    return model.log_values[candidates] - model.mean_log_value


_FEATURES: dict[str, Callable[[Model, Taste, Indices], NDArray[np.floating]]] = {
    "vector": _vector,
    "neighbours": _neighbours,
    "own_recency": _own_recency,
    "own_choices": _own_choices,
    "known": _known,
    "popularity": _popularity,
    "choices": _choices,
    "value": _value,
}
