"""Who asks, and for what: seeded streams of queries.

A stream is data for any generator: locust and the open loop send the same queries.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from urllib.parse import urlencode

import numpy as np

from loadtests.places import Place, dinner_time
from maitred.client import Aim, Query
from maitred.events import Traffic
from maitred.seeds import generator

__all__ = ["KNOWN", "Crowd", "browse", "cold", "dinner", "target"]

KNOWN, _ANONYMOUS = 0.8, 0.1
"""Shares of those who ask."""
_FILTERED = 0.1
_SYNTHETIC = 1000
_STRANGER = 0.5
_RADII_KM = (1.0, 2.0, 5.0)
_DINNERS = 200
"""Different sets of filters at dinner: as many as a judge can keep what they allow of."""


@dataclass(frozen=True, slots=True)
class Crowd:
    """The diners: some known, some new, some anonymous; and where they may go."""

    known: tuple[str, ...] = ()
    """Ids that the model has seen; empty: nobody is known, which loads only the cold path."""
    places: tuple[Place, ...] = ()
    """Restaurants of the served catalogue; only `dinner` needs some."""

    def draw(self, rng: np.random.Generator) -> str | None:
        """Return who asks next; None is an anonymous diner."""
        share = rng.random()
        if share < KNOWN and self.known:
            return self.known[int(rng.integers(len(self.known)))]
        if share < KNOWN + _ANONYMOUS:
            return None if self.known else _stranger(rng)
        return _stranger(rng)


def browse(crowd: Crowd, aim: Aim, *, explain: bool, seed: int) -> Iterator[Query]:
    """Yield queries without end: diners who look for a place, one in ten with a price limit."""
    rng = generator(seed, "browse", aim.name)
    plain = Query(objective=aim.objective, revenue_weight=aim.revenue_weight, explain=explain)
    for number in count():
        query = replace(plain, user_id=crowd.draw(rng), request_id=f"load-{seed}-{number}")
        if rng.random() < _FILTERED:
            query = replace(query, price_max=int(rng.integers(1, 4)))
        yield query


def dinner(crowd: Crowd, aim: Aim, *, explain: bool, seed: int) -> Iterator[Query]:
    """Yield queries without end: what is near, open for dinner, and often of one cuisine.

    Each asks around a real restaurant, at a time when that one is open. What the catalogue does not
    know (places, hours, cuisines) is not asked for: such a filter would let nothing through.
    """
    rng = generator(seed, "dinner", aim.name)
    plain = Query(objective=aim.objective, revenue_weight=aim.revenue_weight, explain=explain)
    wishes = [_wish(plain, crowd.places, rng) for _ in range(_DINNERS)]
    for number in count():
        wish = wishes[int(rng.integers(_DINNERS))]
        yield replace(wish, user_id=crowd.draw(rng), request_id=f"dinner-{seed}-{number}")


def cold(_: Crowd, aim: Aim, *, explain: bool, seed: int) -> Iterator[Query]:
    """Yield queries without end from diners nobody knows, half of them anonymous."""
    rng = generator(seed, "cold", aim.name)
    plain = Query(objective=aim.objective, revenue_weight=aim.revenue_weight, explain=explain)
    for number in count():
        user_id = _stranger(rng) if rng.random() < _STRANGER else None
        yield replace(plain, user_id=user_id, request_id=f"cold-{seed}-{number}")


def target(query: Query) -> str:
    """Return the path and query string of a query; its traffic is always ``load``."""
    return "/v1/recommendations?" + urlencode(query.parameters(Traffic.LOAD))


def _stranger(rng: np.random.Generator) -> str:
    return f"load-{int(rng.integers(_SYNTHETIC))}"


def _wish(plain: Query, places: Sequence[Place], rng: np.random.Generator) -> Query:
    """Return the filters of somebody who wants to eat near a restaurant of the catalogue."""
    anchor = places[int(rng.integers(len(places)))]
    wish = plain
    if anchor.lat is not None and anchor.lon is not None:
        radius_km = _RADII_KM[int(rng.integers(len(_RADII_KM)))]
        wish = replace(wish, lat=anchor.lat, lon=anchor.lon, radius_km=radius_km)
    if (at := dinner_time(anchor, rng)) is not None:
        wish = replace(wish, open_at=at)
    if anchor.cuisines and rng.random() < 0.5:  # noqa: PLR2004  # every second one wants a cuisine
        cuisine = anchor.cuisines[int(rng.integers(len(anchor.cuisines)))]
        wish = replace(wish, cuisines=(cuisine,))
    if anchor.price_level is not None and rng.random() < _FILTERED:
        wish = replace(wish, price_max=anchor.price_level)
    return wish
