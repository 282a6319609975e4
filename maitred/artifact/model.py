"""A loaded model: frozen arrays in the form that serving reads."""

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maitred.artifact.diners import DinerRow
from maitred.artifact.manifest import Manifest
from maitred.artifact.segments import Segment
from maitred.catalogue import Catalogue, Columns, Indices, Ints, texts

__all__ = [
    "Arrays",
    "Model",
    "Newcomers",
    "catalogue_arrays",
    "diner_arrays",
    "popularity_arrays",
    "segment_arrays",
]

Arrays = Mapping[str, NDArray[np.generic]]
Floats32 = NDArray[np.float32]
Floats = NDArray[np.float64]

_SMALL = 100_000
"""Up to so many restaurants, what every request would compute is kept instead."""


@dataclass(frozen=True, slots=True, eq=False)
class Newcomers:
    """Restaurants that a model has never seen (`maitred.artifact.newcomers`).

    ``kinds`` int32 [a]: of which kind each is. ``alike`` int32 [kinds, 16]: the model's rows of
    restaurants of that kind.
    """

    kinds: Ints
    alike: Ints

    def alike_of(self, newcomers: Indices) -> Indices:
        """Return the rows of restaurants like some newcomers, [newcomers, 16]."""
        rows: Indices = self.alike[self.kinds[newcomers]].astype(np.intp)
        return rows


@dataclass(frozen=True, eq=False)
class Model:
    """One version of one recommender over n restaurants; n, not the file, fixes the shapes.

    ``vectors`` float32 [n, width]: scores are ``vectors @ row.vector``, with both biases folded
    in as two more dimensions. ``neighbours_*``: row h of a sparse [n, n] matrix holds what having
    visited h says about others. ``popularity`` and ``choices`` float32 [n]: distinct diners, and
    choices. ``values`` float32 [n]: what a choice is worth, minor units, winsorised, never ≤ 0.
    ``popular_order`` int32 [n]: rows, most chosen first; distinct diners, then ids settle ties.
    ``popular_rank`` int32 [n]: the place of each row in that order.
    """

    version: str
    manifest: Manifest
    catalogue: Catalogue
    vectors: Floats32
    neighbours_indptr: NDArray[np.int64]
    neighbours_items: Ints
    neighbours_weights: Floats32
    popularity: Floats32
    choices: Floats32
    values: Floats32
    popular_order: Ints
    popular_rank: Ints
    segments: Mapping[str, Segment]
    newcomers: Newcomers | None = None
    """The restaurants that the live catalogue has and this model has not: rows from n on."""
    weights: NDArray[np.float64] = field(init=False)
    n: int = field(init=False)
    """How many restaurants the model knows."""

    def __post_init__(self) -> None:
        weights = np.array(self.manifest.ranker.weights, dtype=np.float64)
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "n", len(self.catalogue))

    def is_whole(self, rows: Indices) -> bool:
        """Whether these rows (ascending) are all that the model knows, and no newcomer."""
        return rows.size == self.n and (not self.n or int(rows[-1]) == self.n - 1)

    def with_newcomers(self, newcomers: Newcomers | None) -> "Model":
        """Return the same model, knowing which restaurants others are like; shares everything."""
        other = copy(self)  # with what was derived already, which `replace` would lose
        object.__setattr__(other, "newcomers", newcomers)
        return other

    @cached_property
    def log_values(self) -> NDArray[np.float64]:
        """Log v of every restaurant; serving asks :meth:`log_values_of` for the few in question."""
        return np.log(self.values.astype(np.float64))

    def log_values_of(self, rows: Indices) -> NDArray[np.float64]:
        """Return log v of some restaurants."""
        return self.read(rows, lambda known: np.log(self.values[known].astype(np.float64)))

    def popular_rank_of(self, rows: Indices) -> Floats:
        """Return the places of some restaurants in the order of popularity, 0 the most chosen."""
        return self.read(rows, lambda known: self.popular_rank[known])

    def read(self, rows: Indices, known: Callable[[Indices], NDArray[Any]]) -> Floats:
        """Return a quantity of some restaurants; of a newcomer, the mean over those like it.

        ``known`` takes rows of the model, of any shape, and returns as many numbers.
        """
        if self.newcomers is None or not rows.size:
            return np.asarray(known(rows), dtype=np.float64)
        is_new = rows >= self.n
        if not is_new.any():
            return np.asarray(known(rows), dtype=np.float64)
        result = np.empty(rows.size)
        result[~is_new] = known(rows[~is_new])
        kinds, which = np.unique(self.newcomers.kinds[rows[is_new] - self.n], return_inverse=True)
        alike = self.newcomers.alike[kinds].astype(np.intp)
        result[is_new] = known(alike).mean(axis=1)[which]
        return result

    @cached_property
    def weight(self) -> Mapping[str, float]:
        """The ranker's weights by feature; those it has not weigh nothing."""
        ranker = self.manifest.ranker
        return dict(zip(ranker.features, ranker.weights, strict=True))

    def base_utility_of(self, rows: Indices) -> Floats:
        """Return what the ranker thinks of some restaurants whoever the diner is: a fresh array."""
        if self.newcomers is None and self.n <= _SMALL:
            return self._base_utility[rows]
        return self.read(rows, self._base_utilities)

    @cached_property
    def _base_utility(self) -> Floats:
        return self._base_utilities(np.arange(self.n))

    def _base_utilities(self, rows: Indices) -> Floats:
        weight = self.weight
        result: Floats = np.zeros(rows.shape)
        if w := weight.get("popularity"):
            result += w * np.log1p(self.popularity[rows]).astype(np.float64)
        if w := weight.get("choices"):
            result += w * np.log1p(self.choices[rows]).astype(np.float64)
        if w := weight.get("value"):
            result += w * (np.log(self.values[rows].astype(np.float64)) - self.mean_log_value)
        return result

    @cached_property
    def mean_log_value(self) -> float:
        """Centre of the ``value`` feature."""
        return float(np.log(self.values.astype(np.float64)).mean()) if self.values.size else 0.0

    @cached_property
    def choices_in_all(self) -> float:
        """All choices there were, each restaurant's counted as one more: no share is zero."""
        return float(self.choices.sum(dtype=np.float64)) + self.choices.size

    def log_shares_of(self, rows: Indices) -> NDArray[np.float64]:
        """Return the log of some restaurants' shares of all choices."""
        in_all = self.choices_in_all
        return self.read(
            rows, lambda known: np.log((self.choices[known] + np.float64(1.0)) / in_all)
        )

    @cached_property
    def fading(self) -> Floats:
        """How a diner's most recent restaurants weigh among neighbours, the latest first, [100]."""
        return np.asarray(np.arange(1, 101) ** -self.manifest.history_decay, dtype=np.float64)

    @cached_property
    def most_popular(self) -> Indices:
        """The rows of the thousand most chosen, best first."""
        return self.popular_order[:1000].astype(np.intp)

    @cached_property
    def dense_neighbours(self) -> Floats:
        """The neighbours as a full table, [n, n]: for models of a few thousand restaurants."""
        n = len(self.catalogue)
        cells = np.repeat(np.arange(n), np.diff(self.neighbours_indptr)) * n + self.neighbours_items
        table = np.bincount(cells, self.neighbours_weights, minlength=n * n)
        return table.astype(np.float64, copy=False).reshape(n, n)

    @classmethod
    def from_arrays(cls, version: str, manifest: Manifest, arrays: Arrays) -> "Model":
        """Assemble a model from the arrays of role ``model``; they are used, not copied."""
        prefix = "catalogue_"
        columns = {
            name.removeprefix(prefix): array
            for name, array in arrays.items()
            if name.startswith(prefix)
        }
        catalogue = Catalogue(Columns.from_arrays(columns))
        return cls(
            version=version,
            manifest=manifest,
            catalogue=catalogue,
            segments=_segments(arrays),
            **{
                name: arrays[name]  # type: ignore[arg-type]  # dtypes are checked by folder.load
                for name in (
                    "vectors",
                    "neighbours_indptr",
                    "neighbours_items",
                    "neighbours_weights",
                    "popularity",
                    "choices",
                    "values",
                    "popular_order",
                    "popular_rank",
                )
            },
        )


def catalogue_arrays(catalogue: Catalogue) -> dict[str, NDArray[np.generic]]:
    """Return the catalogue's columns, by their names in the artefact."""
    return {f"catalogue_{name}": array for name, array in catalogue.columns.arrays().items()}


def popularity_arrays(popularity: Floats32, choices: Floats32) -> dict[str, Ints]:
    """Return ``popular_order`` and ``popular_rank``, see :class:`Model`."""
    order = np.lexsort((np.arange(choices.size), -popularity, -choices)).astype(np.int32)
    rank = np.empty_like(order)
    rank[order] = np.arange(order.size, dtype=np.int32)
    return {"popular_order": order, "popular_rank": rank}


def segment_arrays(segments: Mapping[str, Segment]) -> dict[str, NDArray[np.generic]]:
    """Return segments as arrays, sorted by key."""
    names = sorted(segments)
    blob, offsets = texts.pack(names)
    items = [segments[name].items for name in names]
    indptr = np.zeros(len(names) + 1, dtype=np.int64)
    np.cumsum([i.size for i in items], out=indptr[1:])
    scores = [segments[name].scores for name in names]
    return {
        "segments_keys": blob,
        "segments_key_offsets": offsets,
        "segments_indptr": indptr,
        "segments_items": np.concatenate([np.empty(0, np.int32), *items]).astype(np.int32),
        "segments_scores": np.concatenate([np.empty(0, np.float32), *scores]).astype(np.float32),
    }


def _segments(arrays: Arrays) -> dict[str, Segment]:
    names = texts.unpack(arrays["segments_keys"], arrays["segments_key_offsets"])  # type: ignore[arg-type]
    cuts = arrays["segments_indptr"].tolist()
    items, scores = arrays["segments_items"], arrays["segments_scores"]
    return {
        name: Segment(items[a:b], scores[a:b])  # type: ignore[arg-type]  # dtypes checked at load
        for name, (a, b) in zip(names, pairwise(cuts), strict=True)
    }


def diner_arrays(rows: Mapping[str, DinerRow], width: int) -> dict[str, NDArray[np.generic]]:
    """Return diner rows as arrays, sorted by user id; every vector has ``width`` or is absent."""
    users = sorted(rows)
    blob, offsets = texts.pack(users)
    ordered = [rows[u] for u in users]
    indptr = np.zeros(len(users) + 1, dtype=np.int64)
    np.cumsum([r.items.size for r in ordered], out=indptr[1:])
    vectors = [r.vector for r in ordered]
    return {
        "diners_ids": blob,
        "diners_id_offsets": offsets,
        "diners_indptr": indptr,
        "diners_items": np.concatenate([np.empty(0, np.int32), *(r.items for r in ordered)]),
        "diners_at": np.concatenate([np.empty(0), *(r.at for r in ordered)]),
        "diners_choices": np.concatenate([np.empty(0, np.float32), *(r.choices for r in ordered)]),
        "diners_vectors": np.array(vectors, dtype=np.float32).reshape(len(users), width),
    }
