"""What to expect of a restaurant that the model has never seen: what those like it are like.

A newcomer has a row in the live catalogue and none in the model's arrays. Its vector, what
neighbours say of it, its popularity and its worth are the means over sixteen restaurants of its
kinds: those that share a cuisine and the price level. So it can be recommended, and explained,
before anybody chose it; the next training gives it a row of its own.
"""

import numpy as np
from numpy.typing import NDArray

from maitred.artifact.model import Model
from maitred.catalogue import SLICE, Columns, Indices, Ints, Rest, no_rest
from maitred.catalogue.tags import spans

__all__ = ["ALIKE", "Kinds"]

ALIKE = 16
"""How many restaurants stand in for a newcomer."""

_ANY = -1
_FIRST_KINDS = 64

_Kind = tuple[tuple[str, ...], int]
"""Cuisines and price level."""


class Kinds:
    """The model's restaurants by cuisine and price level, each kind in order of popularity.

    For one thread at a time. What was given out stays right: kinds are only ever added.
    """

    def __init__(self, model: Model) -> None:
        columns = model.catalogue.columns
        self._code = {word: code for code, word in enumerate(columns.cuisines.words)}
        everything = np.arange(len(model.catalogue), dtype=np.intp)
        owner, place = spans(columns.cuisines.indptr, everything)
        cuisines = np.concatenate([columns.cuisines.codes[place], np.full(everything.size, _ANY)])
        rows = np.concatenate([owner, everything])
        by_rank = np.argsort(model.popular_rank[rows], kind="stable")
        self._cuisines = cuisines[by_rank].astype(np.int32)
        self._rows = rows[by_rank].astype(np.int32)
        self._prices = columns.prices[self._rows]
        self._of_model: dict[tuple[int, int], Indices] = {}
        self._known: dict[_Kind, int] = {}
        self._table = np.empty((_FIRST_KINDS, ALIKE), dtype=np.int32)

    @property
    def alike(self) -> Ints:
        """The model's rows that stand for each kind that was asked for, [kinds, 16]."""
        return self._table[: len(self._known)]

    def kinds_of(self, columns: Columns, rows: Indices, *, rest: Rest = no_rest) -> Ints:
        """Return of which kind some restaurants are, places in :attr:`alike`, [rows].

        ``rows`` are those of ``columns``. The model must not be empty.
        """
        result = np.empty(rows.size, dtype=np.int32)
        for at, row in enumerate(rows.tolist()):
            result[at] = self._kind_of((columns.cuisines[row], int(columns.prices[row])))
            if at % SLICE == SLICE - 1:
                rest()
        return result

    def _kind_of(self, kind: _Kind) -> int:
        code = self._known.get(kind)
        if code is None:
            code = len(self._known)
            if code == self._table.shape[0]:
                self._table = np.concatenate([self._table, np.empty_like(self._table)])
            self._table[code] = self._found(*kind)
            self._known[kind] = code
        return code

    def _found(self, cuisines: tuple[str, ...], price: int) -> NDArray[np.intp]:
        codes = [self._code[word] for word in cuisines if word in self._code] or [_ANY]
        found = [kind for code in codes if (kind := self._kind(code, price)).size]
        found = found or [kind for code in codes if (kind := self._kind(code, 0)).size]
        return _spread(np.concatenate(found or [self._kind(_ANY, 0)]))

    def _kind(self, cuisine: int, price: int) -> Indices:
        """Return the rows of a cuisine and a price level (0: any), most popular first."""
        kind = self._of_model.get((cuisine, price))
        if kind is None:
            inside = self._cuisines == cuisine
            if price:
                inside &= self._prices == price
            rows = self._rows[inside].astype(np.intp)
            kind = self._of_model[cuisine, price] = _spread_or_all(rows)
        return kind


def _spread_or_all(rows: Indices) -> Indices:
    """Return at most sixteen of the rows, evenly from the most to the least popular."""
    return _spread(rows) if rows.size > ALIKE else rows


def _spread(rows: Indices) -> Indices:
    at = np.linspace(0, rows.size - 1, ALIKE).round().astype(np.intp)
    return rows[at]
