"""How diners of the city choose: the law that simulators apply and that models try to learn.

A diner shown a list examines rank r with probability r ** -η (position bias, known), clicks an
examined restaurant with probability sigmoid(utility), and orders from one of the clicked or from none by
a softmax over their utilities and that of eating at home.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from maitred.catalogue import Catalogue
from maitred.city.plan import COMMISSION_RATE, PRICE_VALUES_MINOR, draw_catalogue
from maitred.city.tastes import Floats, Tastes, qualities
from maitred.geo import distance_km

__all__ = ["City", "Response"]

ETA: Final = 0.7
"""Strength of position bias unless a city says otherwise."""

_HOME_UTILITY: Final = 1.0
_DISTANCE_COST: Final = 0.25
"""Utility lost for each kilometre."""

_BASKET_SIGMA: Final = 0.35
"""Spread of baskets around what is typical (log-normal, mean kept)."""


@dataclass(frozen=True, slots=True)
class Response:
    """What a diner did with a list; positions count from 0 and point into what was shown."""

    clicked: tuple[int, ...]
    ordered: int | None
    """One of ``clicked``, or None: ate at home."""
    basket_minor: int | None
    revenue_minor: int | None
    """The platform's share of the basket: basket times the restaurant's commission rate."""


@dataclass(frozen=True)
class City:
    """Restaurants, diners and what they want. Diners and restaurants are named by index."""

    catalogue: Catalogue
    diners: tuple[str, ...]
    """User ids."""
    tastes: Tastes
    quality: Floats
    """Utility of each restaurant to everybody."""
    eta: float = ETA

    @classmethod
    def generate(cls, seed: int, *, restaurants: int = 500, diners: int = 2000) -> "City":
        """Return the city of this seed."""
        return cls.over(draw_catalogue(seed, restaurants), seed, diners=diners)

    @classmethod
    def over(cls, catalogue: Catalogue, seed: int, *, diners: int) -> "City":
        """Return a city of hidden tastes over restaurants that exist.

        Where places, prices, cuisines or hours are unknown, their term of the law vanishes.
        """
        ids = tuple(f"d{i:05}" for i in range(diners))
        tastes = Tastes.draw(catalogue, seed, diners)
        return cls(catalogue, ids, tastes, qualities(len(catalogue), seed))

    def __len__(self) -> int:
        return len(self.diners)

    @cached_property
    def kitchens(self) -> Floats:
        """Share of each cuisine in each restaurant, [restaurants, cuisines sorted by name]."""
        masks = self.catalogue.cuisine_masks
        columns = [masks[name] for name in sorted(masks)]
        table = np.array(columns, dtype=np.float64).reshape(-1, len(self.catalogue)).T
        return np.asarray(table / np.maximum(table.sum(axis=1, keepdims=True), 1.0))

    @cached_property
    def values_minor(self) -> Floats:
        """Mean basket by restaurant, minor units; by price level where it states none."""
        return np.array(
            [
                r.avg_value_minor or PRICE_VALUES_MINOR.get(r.price_level or 0, 2500)
                for r in self.catalogue.restaurants
            ],
            dtype=np.float64,
        )

    @cached_property
    def commission_rates(self) -> Floats:
        """Platform's share by restaurant; the assumed rate where it states none."""
        rates = [r.commission_rate for r in self.catalogue.restaurants]
        return np.array([COMMISSION_RATE if r is None else r for r in rates], dtype=np.float64)

    @cached_property
    def _hours_unknown(self) -> NDArray[np.bool_]:
        return np.array([not r.hours for r in self.catalogue.restaurants], dtype=np.bool_)

    @cached_property
    def _premium(self) -> Floats:
        return np.nan_to_num(self.catalogue.price_levels - 2.0)

    def utilities(self, diner: int, at: datetime | None, visits: Mapping[int, int]) -> Floats:
        """Return what each restaurant is worth to a diner, by index; -inf where closed ``at``.

        ``visits`` counts the diner's past orders by restaurant index. None for ``at``: hours do
        not matter.
        """
        t = self.tastes
        utility = self.kitchens @ t.cuisine[diner] + self.quality
        utility -= t.price_sensitivity[diner] * self._premium
        away = distance_km(
            float(t.home_lats[diner]),
            float(t.home_lons[diner]),
            self.catalogue.lats,
            self.catalogue.lons,
        )
        utility -= _DISTANCE_COST * np.nan_to_num(away)
        for restaurant, count in visits.items():
            utility[restaurant] += t.loyalty[diner] * np.log1p(count)
        if at is not None:
            utility[~(self.catalogue.open_at(at) | self._hours_unknown)] = -np.inf
        return np.asarray(utility, dtype=np.float64)

    def examination(self, ranks: int) -> Floats:
        """Return the probability that each rank is looked at: r ** -η for r = 1, 2 and on."""
        return np.arange(1, ranks + 1, dtype=np.float64) ** -self.eta

    def respond(
        self,
        diner: int,
        shown: Sequence[int],
        at: datetime | None,
        visits: Mapping[int, int],
        rng: np.random.Generator,
    ) -> Response:
        """Return what the diner does with a list of restaurant indices.

        The draws taken from ``rng`` depend on the list's length alone, so that two lists can be
        compared under common random numbers.
        """
        utility = self.utilities(diner, at, visits)[np.asarray(shown, dtype=np.int64)]
        looks, clicks = rng.random(len(shown)), rng.random(len(shown))
        chance, noise = rng.random(), rng.normal()
        examined = looks < self.examination(len(shown))
        clicked = np.flatnonzero(examined & (clicks < _sigmoid(utility)))
        ordered = _choose(utility[clicked], chance)
        positions = tuple(int(p) for p in clicked)
        if ordered is None:
            return Response(positions, None, None, None)
        position = positions[ordered]
        basket = self.basket_minor(shown[position], noise)
        revenue = round(basket * float(self.commission_rates[shown[position]]))
        return Response(positions, position, basket, revenue)

    def basket_minor(self, restaurant: int, noise: float) -> int:
        """Return a basket, log-normal around the restaurant's mean; ``noise`` is standard normal."""
        spread = np.exp(_BASKET_SIGMA * noise - _BASKET_SIGMA**2 / 2)
        return max(1, round(float(self.values_minor[restaurant] * spread)))

    def expected_value(
        self,
        diner: int,
        shown: Sequence[int],
        at: datetime | None,
        visits: Mapping[int, int],
    ) -> tuple[float, float]:
        """Return expected orders (0 to 1) and expected revenue in minor units of one list.

        Exact up to quadrature (absolute error below 1e-6 orders) and the rounding of money. Each order
        probability is E[w_i / (w_0 + Σ clicked w_j)]; with 1/x = ∫ exp(-xt) dt the sum over the
        2^k sets of clicks becomes one integral over a product of k terms.
        """
        index = np.asarray(shown, dtype=np.int64)
        utility = self.utilities(diner, at, visits)[index]
        clicked = self.examination(len(shown)) * _sigmoid(utility)
        orders = _order_probabilities(np.exp(utility - _HOME_UTILITY), clicked)
        value = self.values_minor[index] * self.commission_rates[index]
        return float(orders.sum()), float(orders @ value)


def _sigmoid(utility: Floats) -> Floats:
    return np.asarray((1.0 + np.tanh(utility / 2.0)) / 2.0, dtype=np.float64)


def _choose(utility: Floats, chance: float) -> int | None:
    """Return the place in ``utility`` of the choice, or None for home, by inverse sampling."""
    if not utility.size:
        return None
    weights = np.exp(utility - _HOME_UTILITY)
    place = int(np.searchsorted(np.cumsum(weights), chance * (1.0 + weights.sum()), side="right"))
    return place if place < utility.size else None


@cache
def _quadrature() -> tuple[Floats, Floats]:
    """Return nodes in (0, 1) and their weights for an integral over s = x^4 (dense near 0)."""
    nodes, weights = np.polynomial.legendre.leggauss(192)
    x = (nodes + 1.0) / 2.0
    return x**4, 2.0 * x**3 * weights


def _order_probabilities(weights: Floats, clicked: Floats) -> Floats:
    """Return each position's order probability; ``weights`` are relative to home's, which is 1."""
    s, ds = _quadrature()
    powers = s[:, None] ** weights
    terms = 1.0 - clicked + clicked * powers
    others = [np.delete(terms, i, axis=1).prod(axis=1) for i in range(weights.size)]
    integrand = np.array(others).reshape(weights.size, -1).T * powers
    return np.asarray(clicked * weights * (ds @ integrand), dtype=np.float64)
