"""Stage two: from candidates to log p̂(choice), by a linear utility whose terms add up.

The utility of restaurant i is θ · x(i); p̂ is its softmax over the candidates: McFadden's
conditional logit (1974). Linear terms make every explanation exact.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from maitred.artifact.candidates import Shortlist, places_in
from maitred.artifact.diners import Taste
from maitred.artifact.model import Model
from maitred.policy import log_softmax

__all__ = ["Scored", "feature_matrix", "score"]

_NEIGHBOUR_UNIT = 1e-3
"""Neighbour scores are chances of a choice; below this they say little more than nothing."""

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Scored:
    """Candidates with what the ranker thinks of them.

    ``log_p`` log p̂ over these candidates [p]; ``normaliser`` is what was taken off every utility,
    so ``features @ weights - normaliser == log_p``. The matrices that only explanations and the
    dial read are made when they are asked for.
    """

    model: Model
    taste: Taste
    listed: Shortlist
    log_p: Floats
    normaliser: float

    @property
    def candidates(self) -> Indices:
        """Catalogue rows [p], ascending."""
        return self.listed.rows

    @cached_property
    def features(self) -> Floats:
        """Features [p, f] in the manifest's order."""
        return feature_matrix(self.model, self.taste, self.listed)

    @cached_property
    def log_v(self) -> Floats:
        """Log value in minor units [p]."""
        return self.model.log_values_of(self.listed.rows)


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
    """Rank candidates by θ · x, without making x: see :func:`feature_matrix`."""
    utilities = _utilities(model, taste, listed)
    log_p = log_softmax(utilities)
    normaliser = float(utilities[0] - log_p[0]) if listed.rows.size else 0.0
    return Scored(model, taste, listed, log_p, normaliser)


def _utilities(model: Model, taste: Taste, listed: Shortlist) -> Floats:
    """Return ``feature_matrix(…) @ weights`` term by term: most features are zero for most."""
    weight = model.weight
    result = model.base_utility_of(listed.rows)
    if w := weight.get("vector"):
        result += w * listed.vectors
    if w := weight.get("neighbours"):
        result += w * _log_neighbours(listed.neighbours)
    if taste.items.size:
        at, found = places_in(listed.rows, taste.items)
        own = _own_terms(taste, weight)
        result[at[found]] += own[found]
    return result


def _own_terms(taste: Taste, weight: Mapping[str, float]) -> Floats:
    """Return what it is worth to be known, for each of the taste's items, [h]."""
    terms = weight.get("own_recency", 0.0) / np.arange(1, taste.items.size + 1)
    terms += weight.get("own_choices", 0.0) * np.log1p(taste.choices).astype(np.float64)
    result: Floats = terms + weight.get("known", 0.0)
    return result


def _log_neighbours(scores: Floats) -> Floats:
    # Chances multiply where utilities add, so they enter as logarithms; 0 where nothing is said.
    result: Floats = np.log1p(np.maximum(scores, 0.0) / _NEIGHBOUR_UNIT)
    return result


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
    column[:] = _log_neighbours(e.listed.neighbours)


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
