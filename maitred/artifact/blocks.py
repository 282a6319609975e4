"""Both stages for many diners at once: the same lists, at a fraction of the work for each.

Diners who may be shown the same restaurants share one product of all their vectors, one sum over
all their neighbours, and what does not depend on the diner at all. :func:`rank_block` keeps, of
every diner, the best; candidates and scores are those of :mod:`candidates` and :mod:`ranker`, to
the last digits of a float32 product.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maitred.artifact.candidates import places_in
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
    the diner; ``log_v`` [t]; ``features`` [t, f] and ``normalisers`` [B] as in
    :class:`maitred.artifact.Scored`.
    """

    cuts: NDArray[np.int64]
    rows: Indices
    scores: Floats
    log_p: Floats
    log_v: Floats
    features: Floats
    normalisers: Floats

    def scored(self, diner: int) -> Scored:
        """Return one diner's best as the ranker would give them, ascending by row."""
        span = slice(self.cuts[diner], self.cuts[diner + 1])
        by_row = np.argsort(self.rows[span])
        return Scored(
            self.rows[span][by_row],
            self.features[span][by_row],
            self.log_p[span][by_row],
            self.log_v[span][by_row],
            float(self.normalisers[diner]),
        )


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
    log_v = model.log_values_of(rows)
    utilities = _utilities(model, field, own, log_v)
    utilities[~chosen(field)] = -np.inf
    normalisers = _log_sum_exp(utilities)
    scores = utilities - normalisers[:, None]
    weights = np.array([wish.weight or 0.0 for wish in wishes])
    if weights.any():
        scores += weights[:, None] * log_v
    diner, at = _best(scores, keep)
    cuts = np.searchsorted(diner, np.arange(len(wishes) + 1))
    return Ranked(
        cuts=cuts,
        rows=rows[at],
        scores=scores[diner, at],
        log_p=utilities[diner, at] - normalisers[diner],
        log_v=log_v[at],
        features=_features(model, field, own, diner, at),
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

    def terms(self, names: dict[str, float]) -> Floats:
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


def _shared(model: Model, rows: Indices, log_v: Floats) -> dict[str, Floats]:
    """Return the features that do not depend on the diner, by name, [m]."""
    return {
        "popularity": model.read(rows, lambda known: np.log1p(model.popularity[known])),
        "choices": model.read(rows, lambda known: np.log1p(model.choices[known])),
        "value": log_v - model.mean_log_value,
    }


def _said(neighbours: Floats) -> Floats:
    result: Floats = np.log1p(np.maximum(neighbours, 0.0) / NEIGHBOUR_UNIT)
    return result


def _utilities(model: Model, field: Field, own: _Owned, log_v: Floats) -> Floats:
    ranker = model.manifest.ranker
    weights: dict[str, float] = dict(zip(ranker.features, ranker.weights, strict=True))
    shared = _shared(model, field.rows, log_v)
    base = sum((weights.get(name, 0.0) * value for name, value in shared.items()), 0.0)
    utilities: Floats = weights.get("vector", 0.0) * field.vectors + base
    if weight := weights.get("neighbours", 0.0):
        utilities += weight * _said(field.neighbours)
    utilities[own.diner, own.at] += own.terms(weights)
    return utilities


def _features(model: Model, field: Field, own: _Owned, diner: Indices, at: Indices) -> Floats:
    """Return the features of what is kept, [t, f], in the order the manifest names them."""
    names = model.manifest.ranker.features
    width = field.rows.size
    cells, known = diner * width + at, own.diner * width + own.at
    by_cell = np.argsort(known)
    place, is_known = places_in(known[by_cell], cells)
    which = by_cell[place] if known.size else place
    columns: dict[str, Floats] = {
        "vector": field.vectors[diner, at],
        "neighbours": _said(field.neighbours[diner, at]),
        "known": is_known.astype(np.float64),
        **_shared(model, field.rows[at], model.log_values_of(field.rows[at])),
    }
    for name, values in (("own_recency", own.lately), ("own_choices", own.often)):
        columns[name] = np.where(is_known, values[which], 0.0) if known.size else np.zeros(at.size)
    return np.stack([columns[name] for name in names], axis=1)


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
