"""Weeks in the life of a synthetic city, as a log that a platform would have kept.

Half of the visits come from lists of a logging policy (popularity, and for a known share a uniform
shuffle) with the probability of every rank; on the others diners go where they like unasked. Tastes
stay hidden in :class:`maitred.city.City`; only what was clicked and ordered is written.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maitred.catalogue import Restaurant, format_hours
from maitred.city import City
from maitred.errors import UsageError
from maitred.seeds import generator
from training.dataset.folder import Dataset, build

__all__ = [
    "CURRENCY",
    "FIRST_DAY",
    "LIST_LENGTH",
    "RANDOM_SHARE",
    "restaurants_frame",
    "synthesise",
]

CURRENCY: Final = "USD"
FIRST_DAY: Final = datetime(2025, 1, 6)  # noqa: DTZ001 - local to the city
_ZONE: Final = ZoneInfo("America/Chicago")

LIST_LENGTH: Final = 10
RANDOM_SHARE: Final = 0.25
"""Share of lists that are a uniform shuffle of the pool."""

_POOL: Final = 40
_LISTED_SHARE: Final = 0.5
_TEMPERATURE: Final = 0.5
_CONSIDERED: Final = 30
_MEAL_HOURS: Final = ((12, 0.35), (19, 0.5), (22, 0.15))

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(slots=True)
class _Log:
    """What the platform wrote down so far."""

    rows: list[dict[str, object]] = field(default_factory=list)
    visits: dict[int, Counter[int]] = field(default_factory=dict)
    """Past orders by diner and restaurant."""

    def write(self, **row: object) -> None:
        """Append an event; ids are in the order of writing."""
        self.rows.append({"event_id": f"e{len(self.rows):08}", "weight": 1.0} | row)


def synthesise(
    seed: int,
    *,
    restaurants: int = 500,
    diners: int = 2000,
    days: int = 28,
    advance: Callable[[int], None] = lambda _: None,
) -> Dataset:
    """Return the log of a seeded city; equal arguments give equal data sets.

    Args:
        seed: of the city and of everything that happens in it.
        restaurants: how many there are.
        diners: how many live there; those who never do anything leave no row.
        days: how long it is watched, from Monday 6 January 2025.
        advance: called with each day's number, for progress.

    Raises:
        UsageError: if a number is not positive.
    """
    for name, number in (("restaurants", restaurants), ("diners", diners), ("days", days)):
        if number < 1:
            msg = f"--{name} must be at least 1, not {number}"
            raise UsageError(msg)
    city = City.generate(seed, restaurants=restaurants, diners=diners)
    log, popularity = _Log(), np.ones(restaurants)
    for day in range(days):
        _live(city, log, popularity, day, seed)
        advance(day + 1)
    columns = ["event_id", "user_id", "restaurant_id", "type", "occurred_at"]
    events = pd.DataFrame(log.rows, columns=None if log.rows else pd.Index(columns))
    source = f"synthetic city, seed {seed}, {restaurants} restaurants, {diners} diners, {days} days"
    return build(events, restaurants_frame(city), None, source=source, licence="CC0 1.0")


def restaurants_frame(city: City) -> pd.DataFrame:
    """Return the city's restaurants as a frame of the data set's columns."""
    return pd.DataFrame([_row(restaurant) for restaurant in city.catalogue.restaurants])


def _row(restaurant: Restaurant) -> dict[str, object]:
    return {
        "restaurant_id": restaurant.restaurant_id,
        "name": restaurant.name,
        "lat": restaurant.lat,
        "lon": restaurant.lon,
        "cuisines": restaurant.cuisines,
        "price_level": restaurant.price_level,
        "avg_value_minor": restaurant.avg_value_minor,
        "commission_rate": restaurant.commission_rate,
        "hours": tuple(format_hours(restaurant.hours)),
        "timezone": restaurant.timezone,
        "attributes": restaurant.attributes,
    }


def _live(city: City, log: _Log, popularity: Floats, day: int, seed: int) -> None:
    """Let one day pass; ``popularity`` counts orders and is what tomorrow's lists know."""
    rng = generator(seed, "synthetic", "day", day)
    out = np.flatnonzero(rng.random(len(city)) < city.tastes.visits_per_week / 7)
    hours = np.array([hour for hour, _ in _MEAL_HOURS])
    meals = rng.choice(hours, size=len(out), p=[share for _, share in _MEAL_HOURS])
    minutes = rng.integers(0, 120, size=len(out)) + 60 * meals
    ordered = list[int]()
    midnight = FIRST_DAY + timedelta(days=day)
    for i in np.argsort(minutes, kind="stable").tolist():
        at = (midnight + timedelta(minutes=int(minutes[i]))).replace(tzinfo=_ZONE)
        visit = _from_list if rng.random() < _LISTED_SHARE else _unasked
        choice = visit(city, log, int(out[i]), at, popularity, rng)
        if choice is not None:
            ordered.append(choice)
    np.add.at(popularity, ordered, 1.0)


def _from_list(
    city: City,
    log: _Log,
    diner: int,
    at: datetime,
    popularity: Floats,
    rng: np.random.Generator,
) -> int | None:
    """Show a list of the logging policy; return what was ordered."""
    shown, propensities = _logged_list(city, at, popularity, rng)
    visits = log.visits.setdefault(diner, Counter())
    response = city.respond(diner, shown.tolist(), at, visits, rng)
    request = f"q{at:%Y%m%d}-{city.diners[diner]}-{len(log.rows):08}"
    for position in response.clicked:
        place = _placed(city, diner, int(shown[position]), request, at + timedelta(seconds=10))
        chance = {"rank": position + 1, "propensity": float(propensities[position])}
        log.write(type="click", **place, **chance)
    if response.ordered is None:
        return None
    restaurant = int(shown[response.ordered])
    chance = {
        "rank": response.ordered + 1,
        "propensity": float(propensities[response.ordered]),
    }
    place = _placed(city, diner, restaurant, request, at + timedelta(seconds=90))
    log.write(type="order", value_minor=response.basket_minor, currency=CURRENCY, **place, **chance)
    visits[restaurant] += 1
    return restaurant


def _logged_list(
    city: City, at: datetime, popularity: Floats, rng: np.random.Generator
) -> tuple[Ints, Floats]:
    """Return a list and, for each rank, its probability given the ranks above it.

    Both arms sample from the same pool, so the propensity is that of the mixture: exact for the
    first rank and, below it, weighted by how likely each arm was to show what stands above.
    """
    pool = _open_pool(city, at, popularity)
    scores = np.log(popularity[pool]) / _TEMPERATURE
    uniform = bool(rng.random() < RANDOM_SHARE)
    keys = (0.0 if uniform else scores) + rng.gumbel(size=len(pool))
    order = np.argsort(-keys, kind="stable")[:LIST_LENGTH]
    popular = _given_above(scores[order], scores)
    shuffled = _given_above(np.zeros(len(order)), np.zeros(len(pool)))
    belief = np.array([1 - RANDOM_SHARE, RANDOM_SHARE])
    propensities = np.empty(len(order))
    for rank, chances in enumerate(zip(popular, shuffled, strict=True)):
        propensities[rank] = belief @ np.array(chances)
        belief = belief * np.array(chances) / propensities[rank]
    return pool[order], propensities


def _open_pool(city: City, at: datetime, popularity: Floats) -> Ints:
    """Return the most popular open restaurants; all of them where none is open."""
    is_open = city.catalogue.open_at(at)
    worth = np.where(is_open, popularity, 0.0) if is_open.any() else popularity
    pool = np.argsort(-worth, kind="stable")[:_POOL]
    return pool[worth[pool] > 0]


def _given_above(shown: Floats, scores: Floats) -> Floats:
    """Return each rank's Plackett-Luce probability given the ranks above it."""
    weights = np.exp(shown - scores.max())
    left = np.exp(scores - scores.max()).sum() - np.concatenate([[0.0], np.cumsum(weights)[:-1]])
    return np.asarray(np.minimum(1.0, weights / np.maximum(left, weights)), dtype=np.float64)


def _unasked(
    city: City,
    log: _Log,
    diner: int,
    at: datetime,
    popularity: Floats,
    rng: np.random.Generator,
) -> int | None:
    """Let a diner go where they like of what came to mind; no list, hence no rank."""
    visits = log.visits.setdefault(diner, Counter())
    known = np.array(sorted(visits), dtype=np.int64)
    chances = popularity / popularity.sum()
    size = min(_CONSIDERED, len(popularity))
    heard_of = rng.choice(len(popularity), size=size, replace=False, p=chances)
    minds = np.unique(np.concatenate([known, heard_of]))
    utility = city.utilities(diner, at, visits)[minds] + rng.gumbel(size=len(minds))
    best = int(np.argmax(utility))
    noise = float(rng.normal())
    if not np.isfinite(utility[best]):
        return None
    restaurant = int(minds[best])
    place = _placed(city, diner, restaurant, None, at)
    basket = city.basket_minor(restaurant, noise)
    log.write(type="order", value_minor=basket, currency=CURRENCY, **place)
    visits[restaurant] += 1
    return restaurant


def _placed(
    city: City, diner: int, restaurant: int, request: str | None, at: datetime
) -> dict[str, object]:
    return {
        "user_id": city.diners[diner],
        "restaurant_id": city.catalogue.ids[restaurant],
        "occurred_at": pd.Timestamp(at).tz_convert("UTC"),
        "request_id": request,
        "lat": round(float(city.tastes.home_lats[diner]), 5),
        "lon": round(float(city.tastes.home_lons[diner]), 5),
    }
