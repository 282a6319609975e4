"""All restaurants, and which of them a request may be shown."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from maitred import geo
from maitred.catalogue.columns import Columns
from maitred.catalogue.hours import MINUTES_PER_WEEK, minute_of_week
from maitred.catalogue.restaurant import Filters, Restaurant
from maitred.catalogue.tags import spans
from maitred.catalogue.texts import Index, Texts
from maitred.errors import InvalidInput

__all__ = ["SCAN_ROWS", "Allowed", "Bools", "Catalogue", "Indices", "Ints"]

Bools = NDArray[np.bool_]
Indices = NDArray[np.intp]
Ints = NDArray[np.int32]

SCAN_ROWS = 20_000
"""How many restaurants a request may look at one by one where others wait for it: about 2 ms."""

_MASK_BYTES = 4_000_000
"""How much memory answers to "who is open?" may take."""

Test = Callable[[Indices], Bools]


@dataclass(frozen=True, slots=True, eq=False)
class Allowed:
    """``rows``: which restaurants pass, ascending catalogue rows; ``removed``: what each filter took."""

    rows: Indices
    removed: dict[str, int]


class Catalogue:
    """Restaurants as columns, ascending by id; a restaurant's *row* is its place in that order."""

    def __init__(
        self,
        columns: Columns,
        *,
        gone: Bools | None = None,
        index: Mapping[str, int] | None = None,
    ) -> None:
        """``gone`` [n]: rows that are not there any more; None: all are there.

        ``index``: the one of a catalogue of the same columns, which knows already where ids stand.
        """
        self.columns = columns
        self.index: Mapping[str, int] = Index(columns.ids) if index is None else index
        self._gone = gone
        self._open_masks: dict[bytes, Bools] = {}
        rows = np.arange(len(columns.ids), dtype=np.intp)
        self.everything: Indices = rows if gone is None else rows[~gone]
        """Every row that is there."""

    @classmethod
    def of(cls, restaurants: Iterable[Restaurant]) -> "Catalogue":
        """Make a catalogue of records in any order.

        Raises:
            InvalidInput: if an id stands twice.
        """
        ordered = sorted(restaurants, key=lambda r: r.restaurant_id)
        catalogue = cls(Columns.of(ordered))
        if len({r.restaurant_id for r in ordered}) != len(ordered):
            msg = "a restaurant id stands twice in the catalogue"
            raise InvalidInput(msg, fields=(("restaurant_id", msg),))
        return catalogue

    def __len__(self) -> int:
        return len(self.columns.ids)

    @property
    def ids(self) -> Texts:
        """Restaurant ids by row."""
        return self.columns.ids

    @property
    def restaurants(self) -> "Records":
        """Restaurants by row, each made when it is asked for."""
        return Records(self.columns)

    @property
    def lats(self) -> NDArray[np.float64]:
        """Latitudes by row, degrees, NaN where unknown."""
        return self.columns.coordinates[:, 0]

    @property
    def lons(self) -> NDArray[np.float64]:
        """Longitudes by row, degrees, NaN where unknown."""
        return self.columns.coordinates[:, 1]

    @property
    def price_levels(self) -> NDArray[np.float64]:
        """Price levels by row, NaN where unknown."""
        prices = self.columns.prices.astype(np.float64)
        prices[prices == 0] = np.nan
        return prices

    @cached_property
    def cuisine_masks(self) -> dict[str, Bools]:
        """For each cuisine, which restaurants serve it."""
        tags = self.columns.cuisines
        return {word: tags.any_of(self.everything, (word,)) for word in tags.words}

    @cached_property
    def usual_timezone(self) -> str:
        """The zone that most restaurants keep; UTC where none is known."""
        counts = Counter(self.columns.zones.tolist())
        names = {self.columns.zone_names[code] or "UTC": -count for code, count in counts.items()}
        return min(names, key=lambda name: (names[name], name), default="UTC")

    def record(self, restaurant_id: str) -> Restaurant | None:
        """Return what is known of a restaurant; None if there is none of this id."""
        row = self.index.get(restaurant_id)
        return None if row is None else self.restaurants[row]

    def first_cuisine(self, row: int) -> str | None:
        """Return what a restaurant stands for: the first of its cuisines."""
        return next(iter(self.columns.cuisines[row]), None)

    def first_cuisines(self, rows: Indices) -> list[str | None]:
        """Return what each of these restaurants stands for."""
        words = self.columns.cuisines.words
        codes = self.columns.cuisines.first(rows).tolist()
        return [words[code] if code >= 0 else None for code in codes]

    def name_of(self, row: int) -> str:
        """Return what people call a restaurant; its id where no name is known."""
        return self.columns.names[row] or self.ids[row]

    def open_at(self, at: datetime) -> Bools:
        """Return which of all restaurants are known to be open at a moment or local time, [n].

        Dinner comes to all diners at the same minute: the last answers are kept.
        """
        minutes = self._minutes(at, range(len(self.columns.zone_names)))
        key = minutes.tobytes()
        found = self._open_masks.get(key)
        if found is None:
            found = self._open_in(np.arange(len(self), dtype=np.intp), minutes)
            if len(self._open_masks) * len(self) >= _MASK_BYTES:
                self._open_masks.clear()
            self._open_masks[key] = found
        return found

    def is_open_at(self, rows: Indices, at: datetime) -> Bools:
        """Return which of these rows are known to be open at a moment or local time, [rows]."""
        if rows.size * 4 > len(self):
            return self.open_at(at)[rows]
        return self._open_in(rows, self._minutes(at, np.unique(self.columns.zones[rows])))

    def _minutes(self, at: datetime, zones: Iterable[int]) -> NDArray[np.int64]:
        """Return the minute of the local week in these zones, by zone."""
        names = self.columns.zone_names
        minutes = np.zeros(len(names), dtype=np.int64)
        for code in zones:
            minutes[code] = minute_of_week(at, names[code] or None)
        return minutes

    def _open_in(self, rows: Indices, minutes: NDArray[np.int64]) -> Bools:
        columns = self.columns
        owner, place = spans(columns.openings_indptr, rows)
        now = minutes[columns.zones[rows]][owner]
        opens, closes = columns.openings[place].T
        hit = ((now >= opens) & (now < closes)) | (now + MINUTES_PER_WEEK < closes)
        mask = np.zeros(rows.size, dtype=np.bool_)
        mask[owner[hit]] = True
        return mask

    def allowed(self, filters: Filters) -> Allowed:
        """Return which restaurants pass every filter, and how many each filter removed.

        A restaurant that several filters would remove is counted for the first of them, in the
        order: radius_km, delivers, exclude, cuisine, attribute, price_max, open_at; so the
        counts add up. Looks at every restaurant within the radius, or at all of them.
        """
        near = self._near(filters, at_most=len(self))
        return self._filtered(self.everything if near is None else near, filters)

    def affordable(self, filters: Filters) -> Allowed | None:
        """Return the same, or None where that means to look at over ``SCAN_ROWS`` restaurants."""
        near = self._near(filters, at_most=SCAN_ROWS)
        return None if near is None else self._filtered(near, filters)

    def passing(self, rows: Indices, filters: Filters) -> Indices:
        """Return which of these rows (ascending) pass every filter, the radius too."""
        if _is_bounded(filters):
            reach = np.asarray(geo.chord2_of(filters.radius_km))  # type: ignore[arg-type]
            here = self.columns.places.is_within(rows, filters.lat, filters.lon, reach)  # type: ignore[arg-type]
            rows = rows[here]
        return self._filtered(rows, filters).rows

    def _near(self, filters: Filters, *, at_most: int) -> Indices | None:
        """Return the rows within the filters' reach, None if more than ``at_most`` lie there."""
        reach_km = filters.radius_km if _is_bounded(filters) else None
        if filters.delivers and reach_km is None:
            reach_km = self._farthest_km
        if reach_km is None or filters.lat is None or filters.lon is None:
            return self.everything if len(self) <= at_most else None
        near = self.columns.places.within(filters.lat, filters.lon, reach_km, at_most=at_most)
        return near if near is None or self._gone is None else near[~self._gone[near]]

    def _filtered(self, rows: Indices, filters: Filters) -> Allowed:
        removed: dict[str, int] = {}
        if lost := self.everything.size - int(rows.size):
            removed["radius_km" if _is_bounded(filters) else "delivers"] = lost
        for name, test in self._tests(filters):
            passing = rows[test(rows)]
            if lost := int(rows.size - passing.size):
                removed[name] = removed.get(name, 0) + lost
                rows = passing
        return Allowed(rows, removed)

    def _tests(self, filters: Filters) -> Iterator[tuple[str, Test]]:
        columns = self.columns
        if filters.delivers:
            yield "delivers", self._delivers_to(filters)
        if filters.exclude:
            out = [self.index[i] for i in filters.exclude if i in self.index]
            yield "exclude", lambda rows: ~np.isin(rows, out)
        if filters.cuisines:
            yield "cuisine", lambda rows: columns.cuisines.any_of(rows, filters.cuisines)
        if filters.attributes:
            yield "attribute", lambda rows: columns.attributes.all_of(rows, filters.attributes)
        if filters.price_max is not None:
            most = filters.price_max
            yield "price_max", lambda rows: _between(columns.prices[rows], 1, most)
        if filters.open_at is not None:
            at = filters.open_at
            yield "open_at", lambda rows: self.is_open_at(rows, at)

    def _delivers_to(self, filters: Filters) -> Test:
        lat, lon = filters.lat, filters.lon

        def test(rows: Indices) -> Bools:
            if lat is None or lon is None:
                return np.zeros(rows.size, dtype=np.bool_)
            reach = geo.chord2_of(self.columns.deliveries[rows])
            return self.columns.places.is_within(rows, lat, lon, reach)

        return test

    @cached_property
    def _farthest_km(self) -> float:
        """How far the restaurant delivers that delivers farthest."""
        known = self.columns.deliveries[np.isfinite(self.columns.deliveries)]
        return float(known.max()) if known.size else 0.0


def _between(values: NDArray[np.int8], low: int, high: int) -> Bools:
    return (values >= low) & (values <= high)


def _is_bounded(filters: Filters) -> bool:
    return None not in {filters.radius_km, filters.lat, filters.lon}


class Records(Sequence[Restaurant]):
    """The catalogue's restaurants as records, made when asked for."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns

    @override
    def __len__(self) -> int:
        return len(self._columns.ids)

    @override
    def __getitem__(self, row: int) -> Restaurant:  # type: ignore[override]  # no slices
        if not -len(self) <= row < len(self):
            raise IndexError(row)
        return self._columns.record(row % len(self))
