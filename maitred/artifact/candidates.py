"""Stage one: from all restaurants to at most 500, by the model's named generators."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maitred.artifact.diners import Taste
from maitred.artifact.model import Model
from maitred.catalogue import Indices
from maitred.catalogue.tags import spans

__all__ = [
    "MAX_CANDIDATES",
    "MAX_HISTORY",
    "Shortlist",
    "nearest",
    "neighbour_scores",
    "places_in",
    "proposals",
    "shortlist",
]

MAX_CANDIDATES = 500
MAX_HISTORY = 100
"""How many of a diner's most recent restaurants neighbours are looked up for: bounds the work."""

_BLOCK = 256
_MOST_PROPOSED = 2000

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Shortlist:
    """Candidates, and what the generators found out about them on the way.

    ``rows`` catalogue rows [p], ascending and so by id; ``neighbours`` and ``vectors`` float64 [p]:
    what visits of others say, and the product of both vectors; zeros where nothing is known.
    """

    rows: Indices
    neighbours: Floats
    vectors: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Field:
    """All restaurants in question, [m], before at most 500 of them are chosen."""

    model: Model
    taste: Taste
    rows: Indices
    neighbours: Floats
    vectors: Floats

    @property
    def is_whole(self) -> bool:
        """Whether nothing was filtered, so that positions are rows."""
        return _is_whole(self.model, self.rows)


def shortlist(model: Model, taste: Taste, rows: Indices) -> Shortlist:
    """Return candidates among ``rows`` (ascending): what the generators name, united.

    Restaurants that the diner dismissed are left out. Generators give way to later ones only at
    the limit of 500; the popular ones then fill what is left, so that there are always
    min(500, allowed) candidates.
    """
    if taste.dismissed.size:
        rows = rows[~np.isin(rows, taste.dismissed)]
    neighbours = neighbour_scores(model, taste, rows)
    vectors = _vector_scores(model, taste, rows)
    if rows.size <= MAX_CANDIDATES:
        return Shortlist(rows, neighbours, vectors)
    field = _Field(model, taste, rows, neighbours, vectors)
    chosen = _chosen(field)
    return Shortlist(rows[chosen], neighbours[chosen], vectors[chosen])


def _chosen(field: _Field) -> Indices:
    """Return the positions of the 500 that the generators name first, ascending."""
    popular = _most_popular(field, 2 * MAX_CANDIDATES)
    chosen = np.zeros(field.rows.size, dtype=np.bool_)
    room = MAX_CANDIDATES
    for generator in field.model.manifest.generators:
        named = (
            popular[: generator.limit]
            if generator.name == "popular"
            else _GENERATORS[generator.name](field, generator.limit)
        )
        fresh = named[~chosen[named]][:room]
        chosen[fresh] = True
        room -= fresh.size
    chosen[popular[~chosen[popular]][:room]] = True
    return np.flatnonzero(chosen)


def places_in(rows: Indices, wanted: NDArray[np.integer]) -> tuple[Indices, NDArray[np.bool_]]:
    """Return where ``wanted`` stand in ``rows`` (ascending), and which of them stand there at all."""
    at = np.searchsorted(rows, wanted)
    at[at == rows.size] = 0
    return at, rows[at] == wanted if rows.size else np.zeros(at.size, dtype=np.bool_)


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
    recent = known[known < len(model.catalogue)]
    owner, place = spans(model.neighbours_indptr, recent)
    fading = np.arange(1, recent.size + 1) ** -model.manifest.history_decay
    items, at = np.unique(model.neighbours_items[place].astype(np.intp), return_inverse=True)
    said = np.bincount(at, model.neighbours_weights[place] * fading[owner], minlength=items.size)
    best = items[_best(said, None, _MOST_PROPOSED)]
    return np.union1d(known, best).astype(np.intp)


def _is_whole(model: Model, rows: Indices) -> bool:
    n = len(model.catalogue)
    return rows.size == n and (n == 0 or int(rows[-1]) == n - 1)


def neighbour_scores(model: Model, taste: Taste, rows: Indices) -> Floats:
    """Return, for each of ``rows``, the summed weights from those that the diner visited.

    The h-th most recent weighs ``h ** -history_decay``; only the first 100 are looked at.
    """
    recent = taste.items[:MAX_HISTORY].astype(np.intp)
    if recent.size and int(recent.max()) >= len(model.catalogue):
        recent = recent[recent < len(model.catalogue)]  # a newcomer says nothing about others yet
    if not recent.size or not rows.size:
        return np.zeros(rows.size)
    if int(rows[-1]) >= len(model.catalogue):
        return model.read(rows, lambda known: _of_any_shape(model, recent, known))
    return _summed(model, recent, rows)


def _of_any_shape(model: Model, recent: Indices, known: Indices) -> Floats:
    distinct, inverse = np.unique(known, return_inverse=True)
    return _summed(model, recent, distinct)[inverse].reshape(known.shape)


def _summed(model: Model, recent: Indices, rows: Indices) -> Floats:
    owner, place = spans(model.neighbours_indptr, recent)
    fading = np.arange(1, recent.size + 1) ** -model.manifest.history_decay
    items, weights = model.neighbours_items[place], model.neighbours_weights[place] * fading[owner]
    if not _is_whole(model, rows):
        places, found = places_in(rows, items)
        return _counted(places[found], weights[found], rows.size)
    return _counted(items, weights, rows.size)


def _counted(at: NDArray[np.integer], weights: NDArray[Any], size: int) -> Floats:
    return np.bincount(at, weights, minlength=size).astype(np.float64, copy=False)


def _vector_scores(model: Model, taste: Taste, rows: Indices) -> Floats:
    if taste.vector is None or not model.vectors.shape[1]:
        return np.zeros(rows.size)
    if _is_whole(model, rows):
        return (model.vectors @ taste.vector).astype(np.float64)
    vector = taste.vector
    return model.read(rows, lambda known: model.vectors[known] @ vector).astype(np.float64)


def _own_history(field: _Field, limit: int) -> Indices:
    at, found = places_in(field.rows, field.taste.items)
    return at[found][:limit]


def _neighbours(field: _Field, limit: int) -> Indices:
    return _best(field.neighbours, np.flatnonzero(field.neighbours > 0), limit)


def _vectors(field: _Field, limit: int) -> Indices:
    if field.taste.vector is None or not field.model.vectors.shape[1]:
        return np.empty(0, dtype=np.intp)
    return _best(field.vectors, None, limit)


def _most_popular(field: _Field, count: int) -> Indices:
    """Return the positions of the most chosen, best first."""
    if field.is_whole:
        return field.model.popular_order[:count].astype(np.intp)
    ranks = field.model.popular_rank_of(field.rows)
    best = np.argpartition(ranks, count)[:count] if ranks.size > count else np.arange(ranks.size)
    return best[np.argsort(ranks[best])]


def _best(scores: NDArray[Any], positions: Indices | None, limit: int) -> Indices:
    """Return the positions with the highest scores, in no order; None: among all."""
    among = scores if positions is None else scores[positions]
    if among.size <= limit:
        return np.arange(among.size) if positions is None else positions
    best = np.argpartition(among, among.size - limit)[-limit:]
    return best if positions is None else positions[best]


_GENERATORS: dict[str, Callable[[_Field, int], Indices]] = {
    "own_history": _own_history,
    "neighbours": _neighbours,
    "vectors": _vectors,
}
