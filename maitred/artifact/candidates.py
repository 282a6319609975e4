"""Stage one: from all restaurants to at most 500, by the model's named generators."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maitred.artifact.bounds import MAX_CANDIDATES, MAX_HISTORY
from maitred.artifact.diners import Taste
from maitred.artifact.manifest import Generator
from maitred.artifact.model import Model
from maitred.catalogue import Indices
from maitred.catalogue.tags import spans

__all__ = [
    "Shortlist",
    "nearest",
    "neighbour_scores",
    "places_in",
    "proposals",
    "shortlist",
]

_BLOCK = 256
_MOST_PROPOSED = 2000

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Shortlist:
    """Candidates, and what the generators found out about them on the way.

    ``rows`` catalogue rows [p], ascending and so by id; ``neighbours`` and ``vectors`` [p]:
    what visits of others say, and the product of both vectors; zeros where nothing is known.
    """

    rows: Indices
    neighbours: Floats
    vectors: NDArray[np.floating]


def shortlist(model: Model, taste: Taste, rows: Indices) -> Shortlist:
    """Return candidates among ``rows`` (ascending): what the generators name, united.

    Restaurants that the diner dismissed are left out. Generators name at most 500 together (the
    manifest says so); the popular ones then fill what is left, so that there are always
    min(500, allowed) candidates.
    """
    if taste.dismissed.size:
        rows = rows[~np.isin(rows, taste.dismissed)]
    neighbours = neighbour_scores(model, taste, rows)
    vectors = _vector_scores(model, taste, rows)
    if rows.size <= MAX_CANDIDATES:
        return Shortlist(rows, neighbours, vectors.astype(np.float64))
    popular = _most_popular(model, rows)
    named = [
        _named(generator, taste, Shortlist(rows, neighbours, vectors), popular)
        for generator in model.manifest.generators
    ]
    chosen = _united(named, popular, rows.size)
    return Shortlist(rows[chosen], neighbours[chosen], vectors[chosen].astype(np.float64))


def _named(generator: Generator, taste: Taste, field: Shortlist, popular: Indices) -> Indices:
    """Return the positions in the field of all restaurants that one generator names."""
    match generator.name:
        case "own_history":
            at, found = places_in(field.rows, taste.items)
            return at[found][: generator.limit]
        case "neighbours":
            return _best(field.neighbours, (field.neighbours > 0).nonzero()[0], generator.limit)
        case "vectors":
            if taste.vector is None or not taste.vector.size:
                return popular[:0]
            return _best(field.vectors, None, generator.limit)
        case "popular":
            return popular[: generator.limit]


def _united(named: Sequence[Indices], popular: Indices, size: int) -> Indices:
    """Return the positions named, ascending: 500, the last filled with what is popular."""
    chosen = np.zeros(size, dtype=np.bool_)
    for positions in named:
        chosen[positions] = True
    room = MAX_CANDIDATES - int(np.count_nonzero(chosen))
    if room:
        chosen[popular[~chosen[popular]][:room]] = True
    return chosen.nonzero()[0]


def places_in(rows: Indices, wanted: NDArray[np.integer]) -> tuple[Indices, NDArray[np.bool_]]:
    """Return where ``wanted`` stand in ``rows`` (ascending), and which of them stand there at all."""
    if not rows.size or not wanted.size:
        return np.zeros(wanted.size, dtype=np.intp), np.zeros(wanted.size, dtype=np.bool_)
    at = rows.searchsorted(wanted)
    at[at == rows.size] = 0
    return at, rows[at] == wanted


def nearest(model: Model, vector: NDArray[np.float32], count: int) -> Indices:
    """Return the rows with the largest products with ``vector``, ascending: exact, over all.

    Of a million restaurants and 64 dimensions in about 10 ms, most of it in one product that
    lets other threads run. Rows below the count-th largest maximum of a block cannot be among the
    best, so only few are sorted.
    """
    scores = model.vectors @ vector
    if scores.size <= count:
        return np.arange(scores.size)
    tops = np.maximum.reduceat(scores, np.arange(0, scores.size, _BLOCK))
    least = np.partition(tops, tops.size - count)[-count] if tops.size > count else -np.inf
    rows = np.flatnonzero(scores >= least)
    if rows.size > count:
        rows = np.sort(rows[np.argpartition(scores[rows], rows.size - count)[-count:]])
    return rows


def proposals(model: Model, taste: Taste) -> Indices:
    """Return what a diner's history names anywhere: own restaurants and their best neighbours.

    Ascending, at most 2,100 rows: what a look at all restaurants would shortlist for its own
    history and its neighbours.
    """
    known = taste.items[:MAX_HISTORY].astype(np.intp)
    items, weights = _said(model, known[known < model.n])
    distinct, at = np.unique(items, return_inverse=True)
    said = np.bincount(at, weights, minlength=distinct.size)
    best = distinct[_best(said, None, _MOST_PROPOSED)]
    return np.union1d(known, best).astype(np.intp)


def neighbour_scores(model: Model, taste: Taste, rows: Indices) -> Floats:
    """Return, for each of ``rows``, the summed weights from those that the diner visited.

    The h-th most recent weighs ``h ** -history_decay``; only the first 100 are looked at.
    """
    recent = taste.items[:MAX_HISTORY].astype(np.intp)
    if recent.size and int(recent.max()) >= model.n:
        recent = recent[recent < model.n]  # a newcomer says nothing about others yet
    if not recent.size or not rows.size:
        return np.zeros(rows.size)
    if int(rows[-1]) >= model.n:
        return model.read(rows, lambda known: _of_any_shape(model, recent, known))
    return _summed(model, recent, rows)


def _of_any_shape(model: Model, recent: Indices, known: Indices) -> Floats:
    distinct, inverse = np.unique(known, return_inverse=True)
    return _summed(model, recent, distinct)[inverse].reshape(known.shape)


def _summed(model: Model, recent: Indices, rows: Indices) -> Floats:
    items, weights = _said(model, recent)
    if model.is_whole(rows):
        places = items
    else:
        at, found = places_in(rows, items)
        places, weights = at[found], weights[found]
    return np.bincount(places, weights, minlength=rows.size).astype(np.float64, copy=False)


def _said(model: Model, recent: Indices) -> tuple[Indices, Floats]:
    """Return every neighbour of visited restaurants, some more than once, and its faded weight."""
    owner, place = spans(model.neighbours_indptr, recent)
    fading = model.fading[: recent.size]
    items = model.neighbours_items[place].astype(np.intp)
    return items, model.neighbours_weights[place] * fading[owner]


def _vector_scores(model: Model, taste: Taste, rows: Indices) -> NDArray[np.floating]:
    vector = taste.vector
    if vector is None or not model.vectors.shape[1]:
        return np.zeros(rows.size)
    if model.is_whole(rows):
        products: NDArray[np.float32] = model.vectors @ vector
        return products
    return model.read(rows, lambda known: model.vectors[known] @ vector)


def _most_popular(model: Model, rows: Indices) -> Indices:
    """Return the positions of the thousand most chosen, best first; all of them if fewer."""
    if model.is_whole(rows):
        return model.most_popular
    ranks = model.popular_rank_of(rows)
    count = 2 * MAX_CANDIDATES
    best = ranks.argpartition(count)[:count] if ranks.size > count else np.arange(ranks.size)
    return best[ranks[best].argsort()]


def _best(scores: NDArray[Any], positions: Indices | None, limit: int) -> Indices:
    """Return the positions with the highest scores, in no order; None: among all."""
    among = scores if positions is None else scores[positions]
    if among.size <= limit:
        return np.arange(among.size) if positions is None else positions
    best = among.argpartition(among.size - limit)[-limit:]
    return best if positions is None else positions[best]
