"""A data set as the arrays that models are fitted on: who visited what, how lately, how often."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from maitred.artifact import Taste
from maitred.artifact.bounds import MAX_HISTORY
from maitred.catalogue import Catalogue
from training import objectives
from training.dataset import Dataset, catalogue_of

__all__ = ["Interactions", "interactions_of", "seconds_of"]

Floats32 = NDArray[np.float32]
_NONE = np.empty(0, dtype=np.int32)


@dataclass(frozen=True, eq=False)
class Interactions:
    """Distinct (diner, restaurant) pairs; by diner id, most recent first.

    ``indptr`` int64 [m + 1] cuts ``items`` int32, ``at`` float64 (last visit, seconds since 1970)
    and ``choices`` float32 (times chosen), each [pairs]; ``worth`` float32 [n] is what a choice
    is worth, minor units.
    """

    catalogue: Catalogue
    users: tuple[str, ...]
    indptr: NDArray[np.int64]
    items: NDArray[np.int32]
    at: NDArray[np.float64]
    choices: Floats32
    worth: Floats32

    @property
    def shape(self) -> tuple[int, int]:
        """Number of diners and restaurants."""
        return len(self.users), len(self.catalogue)

    @cached_property
    def index(self) -> dict[str, int]:
        """Diner index by id."""
        return {user: i for i, user in enumerate(self.users)}

    @cached_property
    def visits(self) -> sp.csr_matrix:
        """1 where a diner visited or chose a restaurant, float64 [m, n]."""
        return self._matrix(np.ones(self.items.size))

    @cached_property
    def chosen(self) -> sp.csr_matrix:
        """1 where a diner chose a restaurant, float64 [m, n]."""
        matrix = self._matrix((self.choices > 0).astype(np.float64))
        matrix.eliminate_zeros()
        return matrix

    def faded(self, decay: float) -> sp.csr_matrix:
        """Return visits where the h-th most recent weighs h ** -decay, none beyond the 100th."""
        starts = np.repeat(self.indptr[:-1], np.diff(self.indptr))
        place = np.arange(self.items.size) - starts + 1.0
        matrix = self._matrix(np.where(place <= MAX_HISTORY, place**-decay, 0.0))
        matrix.eliminate_zeros()
        return matrix

    @cached_property
    def popularity(self) -> Floats32:
        """Distinct diners by restaurant, over clicks and choices, [n]."""
        return np.bincount(self.items, minlength=self.shape[1]).astype(np.float32)

    @cached_property
    def choice_counts(self) -> Floats32:
        """Choices by restaurant, [n]."""
        counts = np.bincount(self.items, weights=self.choices, minlength=self.shape[1])
        return counts.astype(np.float32)

    def taste(self, row: int, vector: Floats32 | None) -> Taste:
        """Return a diner as the two stages see one; ``row`` -1 is somebody unknown."""
        if row < 0:
            return Taste(_NONE, np.empty(0, np.float32), None, _NONE)
        span = slice(self.indptr[row], self.indptr[row + 1])
        seen = vector if vector is not None and vector.size else None
        return Taste(self.items[span], self.choices[span], seen, _NONE)

    def _matrix(self, data: NDArray[np.float64]) -> sp.csr_matrix:
        return sp.csr_matrix((data, self.items.copy(), self.indptr.copy()), shape=self.shape)


def seconds_of(times: pd.Series) -> NDArray[np.float64]:
    """Return moments as seconds since 1970."""
    micros: NDArray[np.int64] = times.dt.as_unit("us").astype("int64").to_numpy()
    return micros / 1e6


def interactions_of(dataset: Dataset) -> Interactions:
    """Read clicks and orders into arrays; what was only seen or was dismissed is no visit."""
    catalogue = catalogue_of(dataset)
    events = dataset.events[dataset.events["type"].isin(["click", "order"])]
    codes, users = pd.factorize(events["user_id"], sort=True)
    user = np.asarray(codes, dtype=np.int64)
    item = events["restaurant_id"].map(dict(catalogue.index)).to_numpy().astype(np.int64)
    is_choice = (events["type"] == "order").to_numpy()
    when = seconds_of(events["occurred_at"])
    # Events are in true order: a pair's last row is its last visit.
    newest_first = np.lexsort((-np.arange(user.size), user))
    pair = (user * len(catalogue) + item)[newest_first]
    _, first, inverse = np.unique(pair, return_index=True, return_inverse=True)
    chosen = np.bincount(inverse, weights=is_choice[newest_first], minlength=first.size)
    order = np.argsort(first)
    rows = newest_first[first[order]]
    indptr = np.zeros(len(users) + 1, dtype=np.int64)
    np.cumsum(np.bincount(user[rows], minlength=len(users)), out=indptr[1:])
    return Interactions(
        catalogue=catalogue,
        users=tuple(str(u) for u in users),
        indptr=indptr,
        items=item[rows].astype(np.int32),
        at=when[rows],
        choices=chosen[order].astype(np.float32),
        worth=_worth(catalogue, events[is_choice], item[is_choice]),
    )


def _worth(catalogue: Catalogue, orders: pd.DataFrame, item: NDArray[np.int64]) -> Floats32:
    paid = orders["value_minor"].to_numpy(dtype=np.float64, na_value=np.nan)
    known = np.isfinite(paid)
    n = len(catalogue)
    stated = [r.avg_value_minor for r in catalogue.restaurants]
    average = np.array([np.nan if v is None else v for v in stated], dtype=np.float64)
    total = np.bincount(item[known], weights=paid[known], minlength=n).astype(np.float64)
    count = np.bincount(item[known], minlength=n).astype(np.float64)
    return objectives.values(average, total, count, paid[known])
