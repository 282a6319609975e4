"""One restaurant as a record, for people and borders, and what a request may demand of it."""

from dataclasses import dataclass
from datetime import datetime

from maitred.catalogue.hours import Opening

__all__ = ["Filters", "Restaurant"]


@dataclass(frozen=True, slots=True)
class Restaurant:
    """One restaurant as a record; None or empty where a thing is not known."""

    restaurant_id: str
    name: str = ""
    lat: float | None = None
    lon: float | None = None
    cuisines: tuple[str, ...] = ()
    """What it cooks; the first is what it stands for."""
    price_level: int | None = None
    """1 (cheap) to 4."""
    avg_value_minor: int | None = None
    """What a choice is worth on average, in minor units of the data set's currency."""
    commission_rate: float | None = None
    hours: tuple[Opening, ...] = ()
    timezone: str | None = None
    """IANA name; None: UTC."""
    attributes: tuple[str, ...] = ()
    """Such as ``vegan``, ``halal`` or ``patio``."""
    delivery_km: float | None = None
    """How far it delivers."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Hard filters of a request. A filter passes only what is *known* to meet it."""

    lat: float | None = None
    lon: float | None = None
    radius_km: float | None = None
    delivers: bool = False
    """Only restaurants that deliver to ``lat``, ``lon``."""
    cuisines: tuple[str, ...] = ()
    """Any of these."""
    attributes: tuple[str, ...] = ()
    """All of these."""
    price_max: int | None = None
    open_at: datetime | None = None
    """With offset: a moment; without: each restaurant's local time."""
    exclude: frozenset[str] = frozenset()
