"""What a model says of many diners and many restaurants: sums over neighbours, products of vectors."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from maitred.artifact.bounds import MAX_HISTORY
from maitred.artifact.diners import Taste
from maitred.artifact.model import Model
from maitred.catalogue import Indices
from maitred.catalogue.tags import spans

__all__ = ["DENSE_ROWS", "counted_up", "neighbour_sums", "vector_products"]

DENSE_ROWS = 2000
"""Up to so many restaurants, what neighbours say is laid out as a full table, 32 MB at most."""

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def neighbour_sums(model: Model, tastes: Sequence[Taste], rows: Indices) -> Floats:
    """Return what visits of others say of each restaurant, [B, m]: see `neighbour_scores`."""
    n = len(model.catalogue)
    visits = [taste.items[:MAX_HISTORY] for taste in tastes]
    if any(known.size and int(known.max()) >= n for known in visits):
        visits = [known[known < n] for known in visits]
    sizes = np.array([known.size for known in visits])
    flat = np.concatenate(visits).astype(np.intp)

    def summed(known: Indices) -> Floats:
        if n <= DENSE_ROWS and known.size * 4 >= n:
            whole = _summed_dense(model, flat, sizes)
            return whole if known.size == n else whole[:, known]
        return _summed_sparse(model, flat, sizes, known)

    return _read(model, rows, summed)


def _summed_dense(model: Model, visits: Indices, sizes: Indices) -> Floats:
    """Add whole rows of all restaurants, visit by visit: few long strides, not many single steps."""
    table = model.dense_neighbours
    starts = np.cumsum(sizes) - sizes
    longest_first = np.argsort(-sizes, kind="stable")
    summed = np.zeros((sizes.size, table.shape[1]))
    for place in range(int(sizes.max(initial=0))):
        still = longest_first[: int(np.count_nonzero(sizes > place))]
        said = table[visits[starts[still] + place]]
        said *= (place + 1.0) ** -model.manifest.history_decay
        summed[: still.size] += said
    result = np.empty_like(summed)
    result[longest_first] = summed
    return result


def _summed_sparse(model: Model, visits: Indices, sizes: Indices, rows: Indices) -> Floats:
    diner = np.repeat(np.arange(sizes.size), sizes)
    fading = (counted_up(sizes) + 1.0) ** -model.manifest.history_decay
    owner, place = spans(model.neighbours_indptr, visits)
    at, found = _places(model, rows, model.neighbours_items[place])
    said = model.neighbours_weights[place] * fading[owner]
    cells = diner[owner] * rows.size + at
    if found is not None:
        cells, said = cells[found], said[found]
    counted = np.bincount(cells, said, minlength=sizes.size * rows.size)
    return counted.astype(np.float64, copy=False).reshape(sizes.size, rows.size)


def _places(
    model: Model, rows: Indices, items: NDArray[np.integer]
) -> tuple[Indices, Bools | None]:
    """Return where items stand in ``rows``, and which do; None: all, where nothing was filtered."""
    n = len(model.catalogue)
    if rows.size == n:
        return items.astype(np.intp), None
    places = np.full(n, -1)
    places[rows] = np.arange(rows.size)
    at = places[items]
    return at, at >= 0


def vector_products(model: Model, tastes: Sequence[Taste], rows: Indices) -> Floats:
    """Return the product of both vectors, [B, m]; zeros where a diner has none."""
    width = model.vectors.shape[1]
    if not width or all(taste.vector is None for taste in tastes):
        return np.zeros((len(tastes), rows.size))
    none = np.zeros(width, dtype=np.float32)
    diners = np.array([none if taste.vector is None else taste.vector for taste in tastes])

    def products(known: Indices) -> Floats:
        whole = known.size == len(model.catalogue)
        vectors = model.vectors if whole else model.vectors[known]
        return (diners @ vectors.T).astype(np.float64)

    return _read(model, rows, products)


def _read(model: Model, rows: Indices, known: Callable[[Indices], Floats]) -> Floats:
    """Return a quantity of each diner and row; of a newcomer, the mean over those like it."""
    n = len(model.catalogue)
    if model.newcomers is None or int(rows[-1]) < n:
        return known(rows)
    is_new = rows >= n
    alike = model.newcomers.alike_of(rows[is_new] - n)
    looked_at = np.union1d(rows[~is_new], alike)
    values = known(looked_at)
    result = np.empty((values.shape[0], rows.size))
    result[:, ~is_new] = values[:, np.searchsorted(looked_at, rows[~is_new])]
    result[:, is_new] = values[:, np.searchsorted(looked_at, alike)].mean(axis=2)
    return result


def counted_up(sizes: NDArray[np.integer]) -> Indices:
    """Return 0, 1, … within each of several groups, end to end."""
    result: Indices = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return result
