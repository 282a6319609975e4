"""A model's restaurants as they are now: what was changed, added or taken away since it was made."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from typing_extensions import override

from maitred.catalogue.catalogue import Allowed, Catalogue, Indices
from maitred.catalogue.restaurant import Filters, Restaurant

__all__ = ["LiveCatalogue"]

_ORDER = ("radius_km", "delivers", "exclude", "cuisine", "attribute", "price_max", "open_at")


class LiveCatalogue:
    """A catalogue with newer records laid over it; it answers like :class:`Catalogue`.

    Rows below ``len(base)`` are the base's. A restaurant that the base does not know has the rows
    above, in order of ids. What a changed restaurant is like is asked of its newer record only.
    """

    def __init__(self, base: Catalogue, records: Iterable[Restaurant], gone: Iterable[str]) -> None:
        """Lay ``records`` (what is now true of these restaurants) and ``gone`` over ``base``.

        Raises:
            InvalidInput: if an id stands twice in ``records``.
        """
        self.base = base
        self.changed = Catalogue.of(records)
        known = [base.index.get(restaurant_id) for restaurant_id in self.changed.ids]
        self.newcomers: tuple[str, ...] = tuple(
            name for name, row in zip(self.changed.ids, known, strict=True) if row is None
        )
        """Ids of the restaurants that the base does not know: the rows from ``len(base)`` on."""
        new_rows = iter(range(len(base), len(base) + len(self.newcomers)))
        rows = [next(new_rows) if row is None else row for row in known]
        self._rows: Indices = np.array(rows, dtype=np.intp)
        self._by_row: Indices = np.argsort(self._rows)
        self._record_of = {row: at for at, row in enumerate(rows)}
        superseded = np.zeros(len(base), dtype=np.bool_)
        superseded[self._rows[self._rows < len(base)]] = True
        superseded[[row for name in gone if (row := base.index.get(name)) is not None]] = True
        self._gone = superseded
        self._rest = Catalogue(base.columns, gone=superseded)
        self.everything: Indices = np.sort(np.concatenate([self._rest.everything, self._rows]))
        self.ids: Sequence[str] = _Ids(base, self.newcomers)
        self.index: Mapping[str, int] = _Index(base, self.newcomers)

    def __len__(self) -> int:
        return len(self.base) + len(self.newcomers)

    @property
    def usual_timezone(self) -> str:
        """The zone that most restaurants of the base keep."""
        return self.base.usual_timezone

    def record(self, restaurant_id: str) -> Restaurant | None:
        """Return what is now true of a restaurant; None if there is none of this id now."""
        row = self.index.get(restaurant_id)
        if row is None:
            return None
        at = self._record_of.get(row)
        if at is not None:
            return self.changed.restaurants[at]
        return None if self._gone[row] else self.base.restaurants[row]

    def name_of(self, row: int) -> str:
        """Return what people call a restaurant; its id where no name is known."""
        at = self._record_of.get(row)
        return self.base.name_of(row) if at is None else self.changed.name_of(at)

    def allowed(self, filters: Filters) -> Allowed:
        """See :meth:`Catalogue.allowed`."""
        return self._united(self._rest.allowed(filters), filters)

    def affordable(self, filters: Filters) -> Allowed | None:
        """See :meth:`Catalogue.affordable`."""
        rest = self._rest.affordable(filters)
        return None if rest is None else self._united(rest, filters)

    def passing(self, rows: Indices, filters: Filters) -> Indices:
        """See :meth:`Catalogue.passing`."""
        old = rows[rows < len(self.base)]
        kept = self._rest.passing(old[~self._gone[old]], filters)
        ascending = self._rows[self._by_row]
        at = np.minimum(np.searchsorted(ascending, rows), max(ascending.size - 1, 0))
        asked = at[ascending[at] == rows] if ascending.size else at[:0]
        newer = self.changed.passing(np.sort(self._by_row[asked]), filters)
        return np.sort(np.concatenate([kept, self._rows[newer]]))

    def first_cuisines(self, rows: Indices) -> "list[str | None]":
        """See :meth:`Catalogue.first_cuisines`."""
        first = self.base.first_cuisines(np.minimum(rows, len(self.base) - 1))
        for place, row in enumerate(rows.tolist()):
            if (at := self._record_of.get(row)) is not None:
                first[place] = self.changed.first_cuisine(at)
        return first

    def _united(self, rest: Allowed, filters: Filters) -> Allowed:
        newer = self.changed.allowed(filters)
        rows = np.sort(np.concatenate([rest.rows, self._rows[newer.rows]]))
        counts = {name: rest.removed.get(name, 0) + newer.removed.get(name, 0) for name in _ORDER}
        return Allowed(rows, {name: count for name, count in counts.items() if count})


class _Ids(Sequence[str]):
    def __init__(self, base: Catalogue, newcomers: Sequence[str]) -> None:
        self._base, self._newcomers, self._n = base.ids, newcomers, len(base)

    @override
    def __len__(self) -> int:
        return self._n + len(self._newcomers)

    @override
    def __getitem__(self, row: int) -> str:  # type: ignore[override]  # no slices
        return self._base[row] if row < self._n else self._newcomers[row - self._n]


class _Index(Mapping[str, int]):
    def __init__(self, base: Catalogue, newcomers: Sequence[str]) -> None:
        self._base = base.index
        self._new = {name: at for at, name in enumerate(newcomers, start=len(base))}

    @override
    def __getitem__(self, restaurant_id: str) -> int:
        row = self._new.get(restaurant_id)
        return self._base[restaurant_id] if row is None else row

    @override
    def __len__(self) -> int:
        return len(self._base) + len(self._new)

    @override
    def __iter__(self) -> Iterator[str]:
        yield from self._base
        yield from self._new
