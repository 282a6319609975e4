"""When the city's diners look for a place, and as whom: the plan of a closed loop."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from maitred.catalogue import Catalogue
from maitred.city import City
from maitred.client import Aim, Query

__all__ = ["Visit", "query_of", "visit_time"]

SPAN_DAYS = 6
"""Visits lie in the last days, within what ingest still takes (`DEDUP_DAYS` is 7)."""

_LUNCH_H, _DINNER_H = 12.5, 19.5


@dataclass(frozen=True, slots=True)
class Visit:
    """One diner's visit, the same under every setting but for who asks."""

    diner: int
    at: datetime
    request_id: str
    user_id: str


def visit_time(
    catalogue: Catalogue, now: datetime, turn: int, turns: int, rng: np.random.Generator
) -> datetime:
    """Return when a diner comes: around lunch or dinner, local time, turns spread over past days."""
    zone = ZoneInfo(next((r.timezone for r in catalogue.restaurants if r.timezone), "UTC"))
    days_ago = SPAN_DAYS - turn * SPAN_DAYS // turns
    hour = (_LUNCH_H if turn % 2 else _DINNER_H) + rng.uniform(-1.0, 1.0)
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=days_ago) + timedelta(hours=float(hour))


def query_of(city: City, visit: Visit, aim: Aim, *, k: int, explore: bool) -> Query:
    """Return what the diner's app asks: from home, for what is open then."""
    lat, lon = city.tastes.home_lats[visit.diner], city.tastes.home_lons[visit.diner]
    placed = bool(np.isfinite(lat))
    hours_known = any(r.hours for r in city.catalogue.restaurants)
    return Query(
        user_id=visit.user_id,
        k=k,
        objective=aim.objective,
        revenue_weight=aim.revenue_weight,
        lat=round(float(lat), 6) if placed else None,
        lon=round(float(lon), 6) if placed else None,
        open_at=visit.at.isoformat() if hours_known else None,
        explore=explore,
        request_id=visit.request_id,
    )
