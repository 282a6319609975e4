"""Restaurants that are really served, asked of the public API: what a dinner query is made around."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np

from maitred.catalogue import Opening, parse_hours
from maitred.errors import Refused

__all__ = ["Place", "ask_places", "dinner_time"]

_MONDAY = datetime(2026, 5, 4)  # noqa: DTZ001  # the restaurant's local time has no offset
_DINNER = range(17 * 60 + 30, 21 * 60)
_DAY = 24 * 60
_MOST = 100


@dataclass(frozen=True, slots=True)
class Place:
    """What a query can be made of; None or empty where the catalogue does not know."""

    lat: float | None = None
    lon: float | None = None
    cuisines: tuple[str, ...] = ()
    price_level: int | None = None
    hours: tuple[Opening, ...] = ()


def dinner_time(place: Place, rng: np.random.Generator) -> str | None:
    """Return a local time at which a place is open, at dinner if ever then; None: hours unknown."""
    if not place.hours:
        return None
    evening = [o for o in place.hours if _at_dinner(o)]
    openings = evening or list(place.hours)
    opening = openings[int(rng.integers(len(openings)))]
    midnight = opening.opens - opening.opens % _DAY
    earliest, latest = opening.opens, opening.closes - 1
    if evening:
        earliest = max(earliest, midnight + _DINNER.start)
        latest = min(latest, midnight + _DINNER.stop)
    minute = earliest + 15 * int(rng.integers((latest - earliest) // 15 + 1))
    return (_MONDAY + timedelta(minutes=minute)).isoformat(timespec="seconds")


def ask_places(url: str) -> tuple[Place, ...]:
    """Return up to 100 served restaurants, in the order in which an anonymous diner sees them.

    Raises:
        Refused: if the service cannot be asked or serves no restaurant.
    """
    query: dict[str, str | int] = {"k": _MOST, "explore": "false", "traffic": "load"}
    try:
        with httpx.Client(base_url=url, trust_env=False, timeout=10.0) as client:
            reply = client.get("/v1/recommendations", params=query).raise_for_status().json()
            ids = [item["restaurant_id"] for item in reply["items"]]
            known = [client.get(f"/v1/restaurants/{quote(i, safe='')}").json() for i in ids]
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        msg = f"{url} does not say which restaurants it serves: {error}"
        raise Refused(msg, next_step="dinner-peak asks around real restaurants") from error
    places = tuple(_place(record) for record in known if "restaurant_id" in record)
    if not places:
        msg = f"{url} serves no restaurant to ask around"
        raise Refused(msg, next_step="promote a model: `maitred models list`")
    return places


def _at_dinner(opening: Opening) -> bool:
    starts = opening.opens % _DAY
    return starts < _DINNER.stop and starts + opening.closes - opening.opens > _DINNER.start


def _place(record: dict[str, Any]) -> Place:
    return Place(
        record.get("lat"),
        record.get("lon"),
        tuple(record.get("cuisines") or ()),
        record.get("price_level"),
        parse_hours(record.get("hours") or ()),
    )
