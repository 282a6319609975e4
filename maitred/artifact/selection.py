"""Stage one for a block of diners: which restaurants each of them has as candidates."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maitred.artifact.bounds import MAX_CANDIDATES
from maitred.artifact.model import Model
from maitred.catalogue import Indices

__all__ = ["Field", "chosen"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """What a block's generators look at: B diners, m restaurants.

    ``allowed``, ``neighbours``, ``vectors`` [B, m]; ``has_vector`` [B]; ``own``: (diner, place) of
    what each diner knows, by diner and then by how lately; ``rows`` [m] ascending.
    """

    model: Model
    allowed: Bools
    neighbours: Floats
    vectors: Floats
    has_vector: Bools
    own: tuple[Indices, Indices]
    rows: Indices


def chosen(field: Field) -> Bools:
    """Return who has what as a candidate, [B, m]: see `maitred.artifact.candidates.shortlist`."""
    if field.rows.size <= MAX_CANDIDATES:
        return field.allowed
    popular = _popular_order(field)
    result = np.zeros_like(field.allowed)
    for generator in field.model.manifest.generators:
        result |= _named(field, generator.name, generator.limit, popular)
    room = MAX_CANDIDATES - np.count_nonzero(result, axis=1)
    rest = (field.allowed & ~result)[:, popular]
    result[:, popular] |= _at_most(rest, room)
    few = np.count_nonzero(field.allowed, axis=1) <= MAX_CANDIDATES
    result[few] = field.allowed[few]
    return result


def _named(field: Field, name: str, limit: int, popular: Indices) -> Bools:
    if name == "popular":
        named = np.zeros_like(field.allowed)
        limits = np.full(named.shape[0], limit)
        named[:, popular] = _at_most(field.allowed[:, popular], limits)
        return named
    if name == "own_history":
        return _own_history(field, limit)
    if name == "neighbours":
        return _largest(field.neighbours, field.allowed & (field.neighbours > 0), limit)
    return _largest(field.vectors, field.allowed & field.has_vector[:, None], limit)


def _own_history(field: Field, limit: int) -> Bools:
    named = np.zeros_like(field.allowed)
    diner, at = field.own
    inside = field.allowed[diner, at]
    diner, at = diner[inside], at[inside]
    counts = np.bincount(diner, minlength=named.shape[0])
    before = np.repeat(np.cumsum(counts) - counts, counts)
    first = np.arange(diner.size) - before < limit
    named[diner[first], at[first]] = True
    return named


def _largest(values: Floats, among: Bools, limit: int) -> Bools:
    """Return the ``limit`` largest of each row that are among those named."""
    if limit >= values.shape[1]:
        return among
    rated = np.where(among, values, -np.inf)
    cut = np.partition(rated, -limit, axis=1)[:, -limit]
    named: Bools = among & (rated >= cut[:, None])
    for diner in np.flatnonzero(named.sum(axis=1) > limit).tolist():  # ties at the cut
        places = np.flatnonzero(among[diner])
        best = np.argpartition(values[diner, places], places.size - limit)[-limit:]
        named[diner] = False
        named[diner, places[best]] = True
    return named


def _at_most(flags: Bools, counts: NDArray[np.integer]) -> Bools:
    """Return the first so many flags of each row."""
    result: Bools = flags & (np.cumsum(flags, axis=1, dtype=np.int32) <= counts[:, None])
    return result


def _popular_order(field: Field) -> Indices:
    """Return all places, the most chosen first."""
    ranks = field.model.popular_rank_of(field.rows)
    order: Indices = np.argsort(ranks, kind="stable")
    return order
