"""Which restaurants are like one: chosen by the same diners, else of a like taste, else of a kind."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maitred.artifact.candidates import neighbour_scores
from maitred.artifact.diners import Taste
from maitred.artifact.model import Model
from maitred.catalogue import Indices

__all__ = ["KIND", "LIKE", "TOGETHER", "Likeness", "likeness", "taste_like"]

Floats = NDArray[np.float64]

TOGETHER, LIKE, KIND = 2, 1, 0
"""Whole part of a likeness: what it stands on, the best first."""

_BIASES = 2
"""The last dimensions of a vector are how much a restaurant is liked by everybody."""


@dataclass(frozen=True, slots=True, eq=False)
class Likeness:
    """How like each of ``rows`` is: the whole part says by what, the rest how much, [m]; -1: not."""

    rows: Indices
    scores: Floats

    def with_kinds(self, kinds: Floats) -> "Likeness":
        """Fill in what is only of a kind, [m] in [0, 1): where nothing better is known."""
        scores = np.where((self.scores < 0) & (kinds > 0), KIND + kinds, self.scores)
        return Likeness(self.rows, scores)

    def best(self, k: int) -> tuple[Indices, Floats]:
        """Return the k most alike, best first; ties by row."""
        order = np.argsort(-self.scores, kind="stable")[:k]
        order = order[self.scores[order] >= 0]
        return self.rows[order], self.scores[order]


def taste_like(model: Model, row: int) -> Taste:
    """Return a restaurant as a diner who has been nowhere else."""
    is_known = row < len(model.catalogue)
    items = np.array([row] if is_known else [], dtype=np.int32)
    vector = _vector(model, row) if model.vectors.shape[1] > _BIASES else None
    return Taste(items, np.ones(items.size, dtype=np.float32), vector, items[:0])


def likeness(model: Model, row: int, rows: Indices) -> Likeness:
    """Return how like ``row`` each of ``rows`` (ascending) is, by the model alone.

    A newcomer, as either of the two, is taken for the mean of those like it.
    """
    together = np.maximum(neighbour_scores(model, taste_like(model, row), rows), 0.0)
    scores = np.where(together > 0, TOGETHER + together / (1 + together), -1.0)
    like = _cosines(model, row, rows)
    unknown = (scores < 0) & (like > 0)
    scores[unknown] = LIKE + np.minimum(like[unknown], 0.999999)
    return Likeness(rows, scores)


def _vector(model: Model, row: int) -> NDArray[np.float32]:
    n = len(model.catalogue)
    if row < n:
        known: NDArray[np.float32] = model.vectors[row]
        return known
    assert model.newcomers is not None  # noqa: S101  # rows from n on are newcomers'
    mean: NDArray[np.float32] = model.vectors[
        model.newcomers.alike_of(np.array([row - n]))[0]
    ].mean(axis=0)
    return mean


def _cosines(model: Model, row: int, rows: Indices) -> Floats:
    if model.vectors.shape[1] <= _BIASES or not rows.size:
        return np.zeros(rows.size)
    vector = _vector(model, row)[:-_BIASES].astype(np.float64)
    length = float(np.linalg.norm(vector)) or 1.0

    def known(some: Indices) -> Floats:
        vectors = model.vectors[some][..., :-_BIASES]
        norms = np.maximum(np.linalg.norm(vectors, axis=-1), 1e-12)
        result: Floats = (vectors @ (vector / length)) / norms
        return result

    return model.read(rows, known)
