"""Stage one: from all restaurants to at most 500, by the model's named generators."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from maitred.artifact.diners import Taste
from maitred.artifact.model import Model
from maitred.catalogue import Bools

__all__ = ["MAX_CANDIDATES", "MAX_HISTORY", "neighbour_scores", "shortlist"]

MAX_CANDIDATES = 500
MAX_HISTORY = 100
"""How many of a diner's most recent restaurants neighbours are looked up for: bounds the work."""

Indices = NDArray[np.intp]


def shortlist(model: Model, taste: Taste, allowed: Bools) -> Indices:
    """Return candidate indices, ascending and so by id: what the generators name, united.

    Only ``allowed`` restaurants (shape [n]) that the diner has not dismissed. Generators give
    way to later ones only at the limit of 500; the popular ones then fill what is left, so that
    there are always min(500, allowed) candidates.
    """
    mask = allowed.copy()
    mask[taste.dismissed] = False
    chosen = np.zeros(mask.size, dtype=np.bool_)
    for generator in model.manifest.generators:
        named = _GENERATORS[generator.name](model, taste, mask, generator.limit)
        room = MAX_CANDIDATES - int(chosen.sum())
        chosen[named[~chosen[named]][:room]] = True
    room = MAX_CANDIDATES - int(chosen.sum())
    if room:
        rest = model.by_popularity
        chosen[rest[mask[rest] & ~chosen[rest]][:room]] = True
    return np.flatnonzero(chosen)


def neighbour_scores(model: Model, taste: Taste) -> NDArray[np.float64]:
    """Return, for every restaurant, the summed weights from those that the diner visited, [n].

    The h-th most recent weighs ``h ** -history_decay``; only the first 100 are looked at.
    """
    n = len(model.catalogue)
    recent = taste.items[:MAX_HISTORY]
    if not recent.size:
        return np.zeros(n)
    items, weights = zip(*map(model.neighbours, recent), strict=True)
    fading = np.arange(1, recent.size + 1) ** -model.manifest.history_decay
    summed = np.concatenate(weights) * np.repeat(fading, [part.size for part in items])
    return np.bincount(np.concatenate(items), summed, minlength=n).astype(np.float64, copy=False)


def _own_history(_model: Model, taste: Taste, mask: Bools, limit: int) -> NDArray[np.int32]:
    return taste.items[mask[taste.items]][:limit]


def _neighbours(model: Model, taste: Taste, mask: Bools, limit: int) -> Indices:
    if not taste.items.size:
        return np.empty(0, dtype=np.intp)
    scores = neighbour_scores(model, taste)
    return _best(scores, mask & (scores > 0), limit)


def _vectors(model: Model, taste: Taste, mask: Bools, limit: int) -> Indices:
    if taste.vector is None or not model.vectors.shape[1]:
        return np.empty(0, dtype=np.intp)
    return _best(model.vectors @ taste.vector, mask, limit)


def _popular(model: Model, _taste: Taste, mask: Bools, limit: int) -> Indices:
    ordered = model.by_popularity
    return ordered[mask[ordered]][:limit]


def _best(scores: NDArray[np.floating], mask: Bools, limit: int) -> Indices:
    rows = np.flatnonzero(mask)
    if rows.size > limit:
        rows = rows[np.argpartition(-scores[rows], limit - 1)[:limit]]
    return rows


_GENERATORS: dict[str, Callable[[Model, Taste, Bools, int], NDArray[np.signedinteger]]] = {
    "own_history": _own_history,
    "neighbours": _neighbours,
    "vectors": _vectors,
    "popular": _popular,
}
