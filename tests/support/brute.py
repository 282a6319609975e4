"""The hard rules again, one restaurant at a time and by other means than the catalogue's."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from math import asin, cos, radians, sin, sqrt
from zoneinfo import ZoneInfo

from maitred.catalogue import MINUTES_PER_WEEK, Filters, Restaurant
from maitred.geo import EARTH_RADIUS_KM

ORDER = ("radius_km", "delivers", "exclude", "cuisine", "attribute", "price_max", "open_at")
TOO_CLOSE_TO_CALL_KM = 1e-5
"""Both ways of measuring round; nearer to a limit than a centimetre, either may be right."""


def reason_against(restaurant: Restaurant, wanted: Filters) -> str | None:
    """The first filter, in the documented order, that a restaurant fails; None: it passes."""
    rules = {
        "radius_km": wanted.radius_km is None or _is_within(restaurant, wanted, wanted.radius_km),
        "delivers": not wanted.delivers
        or (
            restaurant.delivery_km is not None
            and _is_within(restaurant, wanted, restaurant.delivery_km)
        ),
        "exclude": restaurant.restaurant_id not in wanted.exclude,
        "cuisine": not wanted.cuisines or bool(set(wanted.cuisines) & set(restaurant.cuisines)),
        "attribute": set(wanted.attributes) <= set(restaurant.attributes),
        "price_max": wanted.price_max is None
        or (restaurant.price_level is not None and restaurant.price_level <= wanted.price_max),
        "open_at": wanted.open_at is None or is_open(restaurant, wanted.open_at),
    }
    assert tuple(rules) == ORDER
    return next((name for name, passes in rules.items() if not passes), None)


def allowed(restaurants: Iterable[Restaurant], wanted: Filters) -> tuple[set[str], dict[str, int]]:
    """Ids of those that pass, and how many each filter removed."""
    against = {r.restaurant_id: reason_against(r, wanted) for r in restaurants}
    counts = Counter(reason for reason in against.values() if reason)
    return {name for name, reason in against.items() if reason is None}, dict(counts)


def is_decided(restaurants: Iterable[Restaurant], wanted: Filters) -> bool:
    """Whether no restaurant stands so near to a limit that rounding decides."""
    limits = [
        (distance_km(r, wanted), limit)
        for r in restaurants
        if r.lat is not None and wanted.lat is not None
        for limit in (wanted.radius_km, r.delivery_km)
        if limit is not None
    ]
    return all(d == limit or abs(d - limit) > TOO_CLOSE_TO_CALL_KM for d, limit in limits)


def distance_km(restaurant: Restaurant, wanted: Filters) -> float:
    """Along a great circle, by the haversine formula."""
    assert restaurant.lat is not None
    assert restaurant.lon is not None
    assert wanted.lat is not None
    assert wanted.lon is not None
    phi, other = radians(wanted.lat), radians(restaurant.lat)
    turn = sin(radians(restaurant.lon - wanted.lon) / 2) ** 2
    half = sin((other - phi) / 2) ** 2 + cos(phi) * cos(other) * turn
    return 2 * EARTH_RADIUS_KM * asin(sqrt(min(half, 1.0)))


def is_open(restaurant: Restaurant, at: datetime) -> bool:
    """Whether some opening of this or the last week covers the moment."""
    local = at if at.tzinfo is None else at.astimezone(ZoneInfo(restaurant.timezone or "UTC"))
    wall = local.replace(tzinfo=None)
    monday = (wall - timedelta(days=wall.weekday())).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    minute = (wall - monday).total_seconds() // 60
    return any(
        opening.opens <= minute + week < opening.closes
        for opening in restaurant.hours
        for week in (0, MINUTES_PER_WEEK)
    )


def _is_within(restaurant: Restaurant, wanted: Filters, limit_km: float) -> bool:
    return restaurant.lat is not None and distance_km(restaurant, wanted) <= limit_km
