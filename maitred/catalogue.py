"""Restaurants and the hard rules about them: hours, places, prices, cuisines.

Two shapes of one thing: :class:`Restaurant` is a record for people and borders,
:class:`Catalogue` the same records as columns, so that a filter is one array operation however
many restaurants there are. No I/O here.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from maitred.errors import InvalidInput
from maitred.geo import distance_km

__all__ = [
    "MINUTES_PER_WEEK",
    "Bools",
    "Catalogue",
    "Filters",
    "Ints",
    "Opening",
    "Restaurant",
    "format_hours",
    "minute_of_week",
    "parse_hours",
]

MINUTES_PER_WEEK = 7 * 24 * 60
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS = re.compile(r"(\w{3}) (\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})")

Bools = NDArray[np.bool_]
Ints = NDArray[np.int32]


@dataclass(frozen=True, slots=True, order=True)
class Opening:
    """One opening: minutes of the week from Monday 00:00, local time.

    ``closes`` is above ``opens`` and may pass the end of the week (open over Sunday midnight).
    """

    opens: int
    closes: int


def parse_hours(texts: Iterable[str]) -> tuple[Opening, ...]:
    """Read openings such as ``"fri 18:00-02:00"``; a close not after its open is the next day's.

    Raises:
        InvalidInput: if a text has another form, an unknown day or an impossible time.
    """
    openings = []
    for text in texts:
        match = _HOURS.fullmatch(text.strip().lower())
        if match is None or match[1] not in _DAYS:
            msg = f"opening hours {text!r} are not of the form 'mon 11:00-23:00'"
            raise InvalidInput(msg, fields=(("hours", msg),))
        start, end = int(match[2]) * 60 + int(match[3]), int(match[4]) * 60 + int(match[5])
        if max(start, end) > 24 * 60 or int(match[3]) > 59 or int(match[5]) > 59:  # noqa: PLR2004
            msg = f"opening hours {text!r} name an impossible time"
            raise InvalidInput(msg, fields=(("hours", msg),))
        midnight = _DAYS.index(match[1]) * 24 * 60
        opens, closes = midnight + start, midnight + (end if end > start else end + 24 * 60)
        openings.append(Opening(opens, closes))
    return tuple(sorted(openings))


def format_hours(openings: Iterable[Opening]) -> list[str]:
    """Return the texts that :func:`parse_hours` reads."""
    texts = []
    for opening in openings:
        day, start = divmod(opening.opens, 24 * 60)
        length = opening.closes - opening.opens
        end = start + length if start + length <= 24 * 60 else (start + length) % (24 * 60)
        texts.append(f"{_DAYS[day]} {start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}")
    return texts


def minute_of_week(at: datetime, timezone: str | None) -> int:
    """Return the minute of the local week; ``at`` without offset is already local time."""
    local = at if at.tzinfo is None else at.astimezone(ZoneInfo(timezone or "UTC"))
    return local.weekday() * 24 * 60 + local.hour * 60 + local.minute


@dataclass(frozen=True, slots=True)
class Restaurant:
    """One restaurant as a record; None or empty where a thing is not known."""

    restaurant_id: str
    name: str = ""
    lat: float | None = None
    lon: float | None = None
    cuisines: tuple[str, ...] = ()
    price_level: int | None = None
    """1 (cheap) to 4."""
    avg_value_minor: int | None = None
    """What a choice is worth on average, in minor units of the data set's currency."""
    commission_rate: float | None = None
    hours: tuple[Opening, ...] = ()
    timezone: str | None = None
    """IANA name; None: UTC."""
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Filters:
    """Hard filters of a request. A filter passes only what is *known* to meet it."""

    lat: float | None = None
    lon: float | None = None
    radius_km: float | None = None
    cuisines: tuple[str, ...] = ()
    """Any of these."""
    price_max: int | None = None
    open_at: datetime | None = None
    """With offset: a moment; without: each restaurant's local time."""
    exclude: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Catalogue:
    """All restaurants, sorted by id; a restaurant's *index* is its place in that order."""

    restaurants: tuple[Restaurant, ...]
    index: dict[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        ordered = tuple(sorted(self.restaurants, key=lambda r: r.restaurant_id))
        object.__setattr__(self, "restaurants", ordered)
        object.__setattr__(self, "index", {r.restaurant_id: i for i, r in enumerate(ordered)})
        if len(self.index) != len(ordered):
            msg = "a restaurant id stands twice in the catalogue"
            raise InvalidInput(msg, fields=(("restaurant_id", msg),))

    def __len__(self) -> int:
        return len(self.restaurants)

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """Restaurant ids by index."""
        return tuple(r.restaurant_id for r in self.restaurants)

    @cached_property
    def lats(self) -> NDArray[np.float64]:
        """Latitudes by index, degrees, NaN where unknown."""
        return _column(r.lat for r in self.restaurants)

    @cached_property
    def lons(self) -> NDArray[np.float64]:
        """Longitudes by index, degrees, NaN where unknown."""
        return _column(r.lon for r in self.restaurants)

    @cached_property
    def price_levels(self) -> NDArray[np.float64]:
        """Price levels by index, NaN where unknown."""
        return _column(r.price_level for r in self.restaurants)

    @cached_property
    def cuisine_masks(self) -> dict[str, Bools]:
        """For each cuisine, which restaurants serve it."""
        masks: dict[str, Bools] = {}
        for i, restaurant in enumerate(self.restaurants):
            for cuisine in restaurant.cuisines:
                masks.setdefault(cuisine, np.zeros(len(self), dtype=np.bool_))[i] = True
        return masks

    @cached_property
    def _openings(self) -> tuple[Ints, Ints, Ints]:
        """Row, opens, closes of every opening of every restaurant, flat."""
        flat = [(i, o.opens, o.closes) for i, r in enumerate(self.restaurants) for o in r.hours]
        table = np.array(flat, dtype=np.int32).reshape(-1, 3)
        return table[:, 0], table[:, 1], table[:, 2]

    @cached_property
    def _zones(self) -> dict[str, Bools]:
        """For each time zone, which restaurants keep it."""
        names = np.array([r.timezone or "UTC" for r in self.restaurants], dtype=object)
        return {str(name): np.asarray(names == name, dtype=np.bool_) for name in set(names)}

    def open_at(self, at: datetime) -> Bools:
        """Return which restaurants are known to be open at a moment or local time."""
        minutes = np.zeros(len(self), dtype=np.int32)
        for zone, mask in self._zones.items():
            minutes[mask] = minute_of_week(at, zone)
        rows, opens, closes = self._openings
        now = minutes[rows]
        hit = ((now >= opens) & (now < closes)) | (now + MINUTES_PER_WEEK < closes)
        mask = np.zeros(len(self), dtype=np.bool_)
        mask[rows[hit]] = True
        return mask

    def allowed(self, filters: Filters) -> tuple[Bools, dict[str, int]]:
        """Return which restaurants pass every filter, and how many each filter removed.

        A restaurant that several filters would remove is counted for the first of them, in the
        order: exclude, cuisine, price_max, radius_km, open_at; so the counts add up.
        """
        mask = np.ones(len(self), dtype=np.bool_)
        removed: dict[str, int] = {}
        for name, passing in self._passing(filters):
            before = int(mask.sum())
            mask &= passing
            if lost := before - int(mask.sum()):
                removed[name] = lost
        return mask, removed

    def _passing(self, filters: Filters) -> Iterable[tuple[str, Bools]]:
        if filters.exclude:
            rows = [self.index[i] for i in filters.exclude if i in self.index]
            yield "exclude", ~_mask_of(rows, len(self))
        if filters.cuisines:
            none = np.zeros(len(self), dtype=np.bool_)
            masks = [self.cuisine_masks.get(c, none) for c in filters.cuisines]
            yield "cuisine", np.logical_or.reduce(masks)
        if filters.price_max is not None:
            yield "price_max", self.price_levels <= filters.price_max
        if filters.radius_km is not None and filters.lat is not None and filters.lon is not None:
            away = distance_km(filters.lat, filters.lon, self.lats, self.lons)
            yield "radius_km", away <= filters.radius_km
        if filters.open_at is not None:
            yield "open_at", self.open_at(filters.open_at)


def _column(values: Iterable[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if v is None else v for v in values], dtype=np.float64)


def _mask_of(rows: Sequence[int], n: int) -> Bools:
    mask = np.zeros(n, dtype=np.bool_)
    mask[rows] = True
    return mask
