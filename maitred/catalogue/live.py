"""A model's restaurants as they are now: what was changed, added or taken away since it was made."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from typing_extensions import override

from maitred.catalogue.catalogue import Allowed, Bools, Catalogue, Indices
from maitred.catalogue.overlay import NOTHING, SLICE, Overlay, Rest, no_rest
from maitred.catalogue.restaurant import Filters, Restaurant

__all__ = ["LiveCatalogue"]

_ORDER = ("radius_km", "delivers", "exclude", "cuisine", "attribute", "price_max", "open_at")
_NEW = -1


class LiveCatalogue:
    """A catalogue with an overlay laid over it; it answers like :class:`Catalogue`.

    Rows below ``len(base)`` are the base's. A restaurant that the base does not know has the rows
    above, in order of ids. What a changed restaurant is like is asked of its newer record only.
    """

    def __init__(
        self, base: Catalogue, overlay: Overlay, base_rows: Indices, hidden: Bools
    ) -> None:
        """Use :meth:`over`, or :meth:`then` of an earlier one.

        ``base_rows`` [changed]: each changed restaurant's row in the base, -1 where it has none.
        ``hidden`` [n]: rows of the base that are gone, or that a newer record stands for.
        """
        self.base = base
        self.overlay = overlay
        self.changed = overlay.changed
        self._base_rows = base_rows
        self._hidden = hidden
        self._new_at: Indices = np.flatnonzero(base_rows == _NEW)
        self._rows: Indices = base_rows.copy()
        self._rows[self._new_at] = len(base) + np.arange(self._new_at.size)
        self._by_row: Indices = np.argsort(self._rows)
        self._ascending: Indices = self._rows[self._by_row]
        self._rest = Catalogue(base.columns, gone=hidden, index=base.index)
        self.ids: Sequence[str] = _Ids(base, self.changed, self._new_at)
        self.index: Mapping[str, int] = _Index(base, self.changed, self._rows)

    @classmethod
    def over(
        cls, base: Catalogue, overlay: Overlay = NOTHING, *, rest: Rest = no_rest
    ) -> "LiveCatalogue":
        """Lay an overlay over a base."""
        nothing = cls(
            base, NOTHING, np.empty(0, dtype=np.intp), np.zeros(len(base), dtype=np.bool_)
        )
        return nothing.then(overlay, overlay, rest=rest) if len(overlay) else nothing

    def then(
        self, newer: Overlay, after: Overlay | None = None, *, rest: Rest = no_rest
    ) -> "LiveCatalogue":
        """Return the catalogue after some more changes; their number is what it costs in Python.

        ``after`` is ``overlay.then(newer)``, if the caller has it already.
        """
        after = self.overlay.then(newer, rest=rest) if after is None else after
        base_rows = np.full(len(after.changed), _NEW, dtype=np.intp)
        hidden = self._hidden.copy()
        is_untouched = np.ones(len(after.changed), dtype=np.bool_)
        was_untouched = np.ones(len(self.changed), dtype=np.bool_)
        for count, name in enumerate(newer.touched, start=1):
            row = self.base.index.get(name, _NEW)
            if row != _NEW:
                hidden[row] = True
            was = self.changed.index.get(name)
            if was is not None:
                was_untouched[was] = False
            at = after.changed.index.get(name)
            if at is not None:
                is_untouched[at] = False
                base_rows[at] = row
            if count % SLICE == 0:
                rest()
        base_rows[is_untouched] = self._base_rows[was_untouched]
        return LiveCatalogue(self.base, after, base_rows, hidden)

    def __len__(self) -> int:
        return len(self.base) + self._new_at.size

    @property
    def usual_timezone(self) -> str:
        """The zone that most restaurants of the base keep."""
        return self.base.usual_timezone

    def newcomers_among(self, names: Iterable[str]) -> tuple[Indices, Indices]:
        """Return those of some changed restaurants that the base does not know.

        (their rows, less ``len(base)``; their rows in ``changed``), in the order of ``names``.
        """
        found = (self.changed.index.get(name, _NEW) for name in names)
        at = np.fromiter((i for i in found if i != _NEW), dtype=np.intp)
        at = at[self._base_rows[at] == _NEW]
        return self._rows[at] - len(self.base), at

    def record(self, restaurant_id: str) -> Restaurant | None:
        """Return what is now true of a restaurant; None if there is none of this id now."""
        at = self.changed.index.get(restaurant_id)
        if at is not None:
            return self.changed.restaurants[at]
        row = self.base.index.get(restaurant_id)
        return None if row is None or self._hidden[row] else self.base.restaurants[row]

    def name_of(self, row: int) -> str:
        """Return what people call a restaurant; its id where no name is known."""
        at = self._changed_at(row)
        return self.base.name_of(row) if at is None else self.changed.name_of(at)

    def allowed(self, filters: Filters) -> Allowed:
        """See :meth:`Catalogue.allowed`."""
        return self._united(self._rest.allowed(filters), self.changed.allowed(filters))

    def affordable(self, filters: Filters) -> Allowed | None:
        """See :meth:`Catalogue.affordable`; base and overlay may cost as much each."""
        rest = self._rest.affordable(filters)
        newer = None if rest is None else self.changed.affordable(filters)
        return None if rest is None or newer is None else self._united(rest, newer)

    def passing(self, rows: Indices, filters: Filters) -> Indices:
        """See :meth:`Catalogue.passing`."""
        old = rows[rows < len(self.base)]
        kept = self._rest.passing(old[~self._hidden[old]], filters)
        if not self._ascending.size:
            return kept
        at = np.minimum(np.searchsorted(self._ascending, rows), self._ascending.size - 1)
        asked = at[self._ascending[at] == rows]
        newer = self.changed.passing(np.sort(self._by_row[asked]), filters)
        return np.sort(np.concatenate([kept, self._rows[newer]]))

    def first_cuisines(self, rows: Indices) -> "list[str | None]":
        """See :meth:`Catalogue.first_cuisines`."""
        known = np.minimum(rows, max(len(self.base) - 1, 0))
        first: list[str | None] = [None] * rows.size
        if len(self.base):
            first = self.base.first_cuisines(known)
        for place, row in enumerate(rows.tolist()):
            if (at := self._changed_at(row)) is not None:
                first[place] = self.changed.first_cuisine(at)
        return first

    def _changed_at(self, row: int) -> int | None:
        """Return where a row's newer record stands; None: what the base says of it holds."""
        n = len(self.base)
        if row >= n:
            return int(self._new_at[row - n])
        if not self._hidden[row]:
            return None
        at = int(np.searchsorted(self._ascending, row))
        is_changed = at < self._ascending.size and self._ascending[at] == row
        return int(self._by_row[at]) if is_changed else None

    def _united(self, rest: Allowed, newer: Allowed) -> Allowed:
        rows = np.sort(np.concatenate([rest.rows, self._rows[newer.rows]]))
        counts = {name: rest.removed.get(name, 0) + newer.removed.get(name, 0) for name in _ORDER}
        return Allowed(rows, {name: count for name, count in counts.items() if count})


class _Ids(Sequence[str]):
    def __init__(self, base: Catalogue, changed: Catalogue, new_at: Indices) -> None:
        self._base, self._changed, self._new_at = base.ids, changed.ids, new_at

    @override
    def __len__(self) -> int:
        return len(self._base) + self._new_at.size

    @override
    def __getitem__(self, row: int) -> str:  # type: ignore[override]  # no slices
        n = len(self._base)
        return self._base[row] if row < n else self._changed[int(self._new_at[row - n])]


class _Index(Mapping[str, int]):
    """A restaurant that was taken away keeps its row in the base: diners' histories name it."""

    def __init__(self, base: Catalogue, changed: Catalogue, rows: Indices) -> None:
        self._base, self._changed, self._rows = base.index, changed.index, rows

    @override
    def __getitem__(self, restaurant_id: str) -> int:
        row = self._base.get(restaurant_id)
        return int(self._rows[self._changed[restaurant_id]]) if row is None else row

    @override
    def __len__(self) -> int:
        return sum(1 for _ in self)

    @override
    def __iter__(self) -> Iterator[str]:
        yield from self._base
        yield from (name for name in self._changed if name not in self._base)
