"""Both stages for many diners at once: the same lists, at a fraction of the work for each.

Diners who may be shown the same restaurants share one product of all their vectors, one sum over
all their neighbours, and what does not depend on the diner at all. :func:`rank_block` keeps, of
every diner, the best; candidates and scores are those of :mod:`candidates` and :mod:`ranker`, to
the last digits of a float32 product.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maitred.artifact.candidates import Shortlist, places_in
from maitred.artifact.diners import Taste
from maitred.artifact.evidence import counted_up, neighbour_sums, vector_products
from maitred.artifact.model import Model
from maitred.artifact.ranker import NEIGHBOUR_UNIT, Scored
from maitred.artifact.selection import Field, chosen
from maitred.catalogue import Indices

__all__ = ["Ranked", "Wish", "rank_block"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Wish:
    """One diner of a block: who it is, how far the dial is turned, what is not to be shown."""

    taste: Taste
    weight: float | None = None
    """None leaves the recommender's own ranking alone."""
    barred: NDArray[np.integer] | None = None
    """Rows that this diner is not shown, besides those that were dismissed; in any order."""


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """The best of each diner, best first, end to end: diner b has ``cuts[b]:cuts[b + 1]``.

    ``rows`` catalogue rows [t]; ``scores`` with the dial [t]; ``log_p`` [t] over all candidates of
    the diner; ``neighbours`` and ``vectors`` [t] as in :class:`maitred.artifact.Shortlist`;
    ``normalisers`` [B] as in :class:`maitred.artifact.Scored`.
    """

    model: Model
    tastes: Sequence[Taste]
    cuts: NDArray[np.int64]
    rows: Indices
    scores: Floats
    log_p: Floats
    neighbours: Floats
    vectors: Floats
    normalisers: Floats

    def scored(self, diner: int) -> Scored:
        """Return one diner's best as the ranker would give them, ascending by row."""
        span = slice(self.cuts[diner], self.cuts[diner + 1])
        by_row = np.argsort(self.rows[span])
        listed = Shortlist(
            self.rows[span][by_row], self.neighbours[span][by_row], self.vectors[span][by_row]
        )
        log_p, normaliser = self.log_p[span][by_row], float(self.normalisers[diner])
        return Scored(self.model, self.tastes[diner], listed, log_p, normaliser)


def rank_block(model: Model, wishes: Sequence[Wish], rows: Indices, *, keep: int) -> Ranked:
    """Return the ``keep`` best among ``rows`` (ascending, not empty) for each diner.

    Needs about 100 bytes a diner and restaurant while it works: callers choose the block's size.
    """
    tastes = [wish.taste for wish in wishes]
    own = _owned(tastes, rows)
    field = Field(
        model=model,
        allowed=_allowed(wishes, rows),
        neighbours=neighbour_sums(model, tastes, rows),
        vectors=vector_products(model, tastes, rows),
        has_vector=np.array([taste.vector is not None for taste in tastes]),
        own=(own.diner, own.at),
        rows=rows,
    )
    utilities = _utilities(model, field, own)
    utilities[~chosen(field)] = -np.inf
    normalisers = _log_sum_exp(utilities)
    scores = utilities - normalisers[:, None]
    weights = np.array([wish.weight or 0.0 for wish in wishes])
    if weights.any():
        scores += weights[:, None] * model.log_values_of(rows)
    diner, at = _best(scores, keep)
    cuts = np.searchsorted(diner, np.arange(len(wishes) + 1))
    return Ranked(
        model=model,
        tastes=tastes,
        cuts=cuts,
        rows=rows[at],
        scores=scores[diner, at],
        log_p=utilities[diner, at] - normalisers[diner],
        neighbours=field.neighbours[diner, at],
        vectors=field.vectors[diner, at],
        normalisers=normalisers,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Owned:
    """Which of ``rows`` the diners know: flat, by diner and then by how lately."""

    diner: Indices
    at: Indices
    lately: Floats
    """1 / place in the diner's history, which begins at 1."""
    often: Floats

    def terms(self, names: Mapping[str, float]) -> Floats:
        """Return what knowing a restaurant adds to its utility."""
        return (
            names.get("own_recency", 0.0) * self.lately
            + names.get("own_choices", 0.0) * self.often
            + names.get("known", 0.0)
        )


def _owned(tastes: Sequence[Taste], rows: Indices) -> _Owned:
    sizes = np.array([taste.items.size for taste in tastes])
    items = np.concatenate([taste.items for taste in tastes]).astype(np.intp)
    choices = np.concatenate([taste.choices for taste in tastes])
    diner, place = np.repeat(np.arange(sizes.size), sizes), counted_up(sizes)
    at, found = places_in(rows, items)
    often = np.log1p(choices[found]).astype(np.float64)
    return _Owned(diner[found], at[found], 1.0 / (place[found] + 1), often)


def _allowed(wishes: Sequence[Wish], rows: Indices) -> Bools:
    allowed = np.ones((len(wishes), rows.size), dtype=np.bool_)
    for diner, wish in enumerate(wishes):
        for barred in (wish.taste.dismissed, wish.barred):
            if barred is not None and barred.size:
                at, found = places_in(rows, barred)
                allowed[diner, at[found]] = False
    return allowed


def _said(neighbours: Floats) -> Floats:
    result: Floats = np.log1p(np.maximum(neighbours, 0.0) / NEIGHBOUR_UNIT)
    return result


def _utilities(model: Model, field: Field, own: _Owned) -> Floats:
    weight = model.weight
    utilities: Floats = weight.get("vector", 0.0) * field.vectors + model.base_utility_of(
        field.rows
    )
    if w := weight.get("neighbours", 0.0):
        utilities += w * _said(field.neighbours)
    utilities[own.diner, own.at] += own.terms(weight)
    return utilities


def _log_sum_exp(utilities: Floats) -> Floats:
    tops = utilities.max(axis=1)
    tops[~np.isfinite(tops)] = 0.0
    with np.errstate(divide="ignore"):  # a diner may have no candidates
        result: Floats = tops + np.log(np.exp(utilities - tops[:, None]).sum(axis=1))
    result[~np.isfinite(result)] = 0.0
    return result


def _best(scores: Floats, keep: int) -> tuple[Indices, Indices]:
    """Return (diner, place) of the best of each diner, best first; ties by place."""
    cut = np.full(scores.shape[0], -np.inf)
    if keep < scores.shape[1]:
        cut = np.partition(scores, -keep, axis=1)[:, -keep]
    diner, at = np.nonzero((scores >= cut[:, None]) & np.isfinite(scores))
    order = np.lexsort((at, -scores[diner, at], diner))
    diner, at = diner[order], at[order]
    kept = counted_up(np.bincount(diner, minlength=scores.shape[0])) < keep
    return diner[kept], at[kept]
