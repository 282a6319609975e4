"""The city's map: restaurants in districts, with kitchens, prices and hours. Nothing hidden here."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from maitred.catalogue import Catalogue, Restaurant, parse_hours
from maitred.seeds import generator

__all__ = ["COMMISSION_RATE", "PRICE_VALUES_MINOR", "TIMEZONE", "draw_catalogue"]

TIMEZONE: Final = "America/Chicago"
_CENTRE: Final = (41.88, -87.68)
_DISTRICTS: Final = 8
_DISTRICT_SPREAD: Final = 0.030
_STREET_SPREAD: Final = 0.006

PRICE_VALUES_MINOR: Final = {1: 1000, 2: 2250, 3: 4000, 4: 6000}
"""A typical basket by price level, minor units."""

COMMISSION_RATE: Final = 0.15
"""The share of a basket that is revenue where a restaurant states none: an assumption."""

_CUISINES: Final = (
    *("Italian", "Pizza", "Mexican", "Chinese", "Thai", "Indian", "Japanese", "Burgers", "French"),
    *("Greek", "Lebanese", "Vietnamese", "Korean", "Ethiopian", "Vegetarian", "Seafood", "Tapas"),
    "Steakhouse",
)
_ADJECTIVES: Final = ("Golden", "Old", "Little", "Royal", "Green", "Blue", "Happy", "Silver")
_NOUNS: Final = ("Table", "Lantern", "Kitchen", "Garden", "Corner", "Spoon", "Oven", "Terrace")
_ATTRIBUTES: Final = ("terrace", "delivery", "takeaway", "live music", "child menu", "parking")
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SHIFTS: Final = (
    ("11:30-14:30", "17:30-22:30"),  # lunch and dinner
    ("11:00-23:00",),
    ("17:00-00:00",),
    ("18:00-02:00",),  # over midnight
    ("07:00-16:00",),
)
_SHIFT_SHARES: Final = (0.35, 0.30, 0.15, 0.12, 0.08)
_PRICE_SHARES: Final = (0.30, 0.40, 0.22, 0.08)


def draw_catalogue(seed: int, restaurants: int) -> Catalogue:
    """Return the restaurants of a seeded city."""
    rng = generator(seed, "city", "map")
    middle = rng.normal(0.0, _DISTRICT_SPREAD, (_DISTRICTS, 2))
    width = max(4, len(str(restaurants - 1)))
    return Catalogue.of(_restaurant(rng, f"r{i:0{width}}", middle) for i in range(restaurants))


def _restaurant(
    rng: np.random.Generator, restaurant_id: str, middle: NDArray[np.float64]
) -> Restaurant:
    lat, lon = _CENTRE + middle[rng.integers(_DISTRICTS)] + rng.normal(0.0, _STREET_SPREAD, 2)
    kitchens = rng.choice(len(_CUISINES), size=1 + int(rng.random() < 0.3), replace=False)  # noqa: PLR2004
    level = 1 + int(rng.choice(4, p=_PRICE_SHARES))
    typical = PRICE_VALUES_MINOR[level] * rng.lognormal(0.0, 0.15)
    first = _CUISINES[int(kitchens[0])]
    name = f"{_ADJECTIVES[rng.integers(8)]} {first} {_NOUNS[rng.integers(8)]}"
    return Restaurant(
        restaurant_id=restaurant_id,
        name=name,
        lat=round(float(lat), 6),
        lon=round(float(lon), 6),
        cuisines=tuple(sorted(_CUISINES[int(k)] for k in kitchens)),
        price_level=level,
        avg_value_minor=int(round(typical, -1)),
        commission_rate=round(float(rng.uniform(0.08, 0.30)), 3),
        hours=parse_hours(_hours(rng)),
        timezone=TIMEZONE,
        attributes=tuple(a for a in sorted(_ATTRIBUTES) if rng.random() < 0.3),  # noqa: PLR2004
    )


def _hours(rng: np.random.Generator) -> list[str]:
    shifts = _SHIFTS[int(rng.choice(len(_SHIFTS), p=_SHIFT_SHARES))]
    closed = int(rng.integers(10))  # 7, 8, 9: open every day
    return [f"{day} {shift}" for i, day in enumerate(_DAYS) if i != closed for shift in shifts]
