"""What to expect of a restaurant that the model has never seen: what those like it are like.

A newcomer has a row in the live catalogue and none in the model's arrays. Its vector, what
neighbours say of it, its popularity and its worth are the means over sixteen restaurants of its
kinds: those that share a cuisine and the price level. So it can be recommended, and explained,
before anybody chose it; the next training gives it a row of its own.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from maitred.artifact.model import Model
from maitred.catalogue import Indices, Ints, Restaurant
from maitred.catalogue.tags import spans

__all__ = ["ALIKE", "Kinds"]

ALIKE = 16
"""How many restaurants stand in for a newcomer."""

_ANY = -1


class Kinds:
    """The model's restaurants by cuisine and price level, each kind in order of popularity."""

    def __init__(self, model: Model) -> None:
        columns = model.catalogue.columns
        self._code = {word: code for code, word in enumerate(columns.cuisines.words)}
        everything = np.arange(len(model.catalogue), dtype=np.intp)
        owner, place = spans(columns.cuisines.indptr, everything)
        cuisines = np.concatenate([columns.cuisines.codes[place], np.full(everything.size, _ANY)])
        rows = np.concatenate([owner, everything])
        by_rank = np.argsort(model.popular_rank[rows], kind="stable")
        self._cuisines, self._rows = cuisines[by_rank], rows[by_rank]
        self._prices = columns.prices[self._rows]
        self._kinds: dict[tuple[int, int], Indices] = {}

    def alike(self, newcomers: Iterable[Restaurant]) -> Ints:
        """Return sixteen rows for each newcomer, [a, 16]; the model must not be empty."""
        rows = [self._alike(restaurant) for restaurant in newcomers]
        return np.array(rows, dtype=np.int32).reshape(-1, ALIKE)

    def _alike(self, restaurant: Restaurant) -> NDArray[np.intp]:
        price = restaurant.price_level or 0
        codes = [self._code[word] for word in restaurant.cuisines if word in self._code] or [_ANY]
        found = [kind for code in codes if (kind := self._kind(code, price)).size]
        found = found or [kind for code in codes if (kind := self._kind(code, 0)).size]
        return _spread(np.concatenate(found or [self._kind(_ANY, 0)]))

    def _kind(self, cuisine: int, price: int) -> Indices:
        """Return the rows of a cuisine and a price level (0: any), most popular first."""
        kind = self._kinds.get((cuisine, price))
        if kind is None:
            inside = self._cuisines == cuisine
            if price:
                inside &= self._prices == price
            kind = self._kinds[cuisine, price] = _spread_or_all(self._rows[inside])
        return kind


def _spread_or_all(rows: Indices) -> Indices:
    """Return at most sixteen of the rows, evenly from the most to the least popular."""
    return _spread(rows) if rows.size > ALIKE else rows


def _spread(rows: Indices) -> Indices:
    at = np.linspace(0, rows.size - 1, ALIKE).round().astype(np.intp)
    return rows[at]
