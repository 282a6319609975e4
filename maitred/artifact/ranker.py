"""Stage two: from candidates to log p̂(choice), by a linear utility whose terms add up.

The utility of restaurant i is θ · x(i); p̂ is its softmax over the candidates: McFadden's
conditional logit (1974). Linear terms make every explanation exact.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maitred.artifact.candidates import Shortlist, places_in
from maitred.artifact.diners import Taste
from maitred.artifact.model import Model
from maitred.policy import log_softmax

__all__ = ["NEIGHBOUR_UNIT", "Scored", "feature_matrix", "score"]

NEIGHBOUR_UNIT = 1e-3
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


def feature_matrix(model: Model, taste: Taste, listed: Shortlist) -> Floats:
    """Return the features of each candidate, [p, f], in the order the manifest names them."""
    names = model.manifest.ranker.features
    matrix = np.zeros((listed.rows.size, len(names)))
    at, found = places_in(listed.rows, taste.items)
    own = _Own(at[found], found)
    for column, name in enumerate(names):
        _FEATURES[name](matrix[:, column], _Evidence(model, taste, listed, own))
    return matrix


def score(model: Model, taste: Taste, listed: Shortlist) -> Scored:
    """Rank candidates; shapes as in :class:`Scored`."""
    features = feature_matrix(model, taste, listed)
    utilities = features @ model.weights
    log_p = log_softmax(utilities)
    normaliser = float(utilities[0] - log_p[0]) if listed.rows.size else 0.0
    return Scored(listed.rows, features, log_p, model.log_values_of(listed.rows), normaliser)


@dataclass(frozen=True, slots=True, eq=False)
class _Own:
    """Candidates that the diner knows: their positions, and which of the taste's items they are."""

    at: Indices
    which: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class _Evidence:
    model: Model
    taste: Taste
    listed: Shortlist
    own: _Own


def _vector(column: Floats, e: _Evidence) -> None:
    column[:] = e.listed.vectors


def _neighbours(column: Floats, e: _Evidence) -> None:
    # Chances multiply where utilities add, so they enter as logarithms; 0 where nothing is said.
    column[:] = np.log1p(np.maximum(e.listed.neighbours, 0.0) / NEIGHBOUR_UNIT)


def _own_recency(column: Floats, e: _Evidence) -> None:
    column[e.own.at] = (1.0 / np.arange(1, e.taste.items.size + 1))[e.own.which]


def _own_choices(column: Floats, e: _Evidence) -> None:
    column[e.own.at] = np.log1p(e.taste.choices[e.own.which])


def _known(column: Floats, e: _Evidence) -> None:
    column[e.own.at] = 1.0


def _popularity(column: Floats, e: _Evidence) -> None:
    column[:] = e.model.read(e.listed.rows, lambda known: np.log1p(e.model.popularity[known]))


def _choices(column: Floats, e: _Evidence) -> None:
    column[:] = e.model.read(e.listed.rows, lambda known: np.log1p(e.model.choices[known]))


def _value(column: Floats, e: _Evidence) -> None:
    column[:] = e.model.log_values_of(e.listed.rows) - e.model.mean_log_value


_FEATURES: dict[str, Callable[[Floats, _Evidence], None]] = {
    "vector": _vector,
    "neighbours": _neighbours,
    "own_recency": _own_recency,
    "own_choices": _own_choices,
    "known": _known,
    "popularity": _popularity,
    "choices": _choices,
    "value": _value,
}
"""Each writes its feature of all candidates into a column of zeros, [p]."""
