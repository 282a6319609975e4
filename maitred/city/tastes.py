"""What diners of a city want, and never say."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from maitred.catalogue import Catalogue
from maitred.seeds import generator

__all__ = ["Floats", "Tastes", "qualities"]

Floats = NDArray[np.float64]

_SCATTER: Final = 0.012
"""How far from some restaurant diners live: standard deviation in degrees, about a kilometre."""

_FAVOURITES: Final = 3


@dataclass(frozen=True, slots=True)
class Tastes:
    """One row for each diner; columns of ``cuisine`` follow the city's sorted cuisines."""

    cuisine: Floats
    """Utility of a restaurant that serves only this cuisine."""
    price_sensitivity: Floats
    """Utility lost for each price level above the second."""
    loyalty: Floats
    """Utility gained for each e-fold of past visits."""
    patience: Floats
    """How much delay a diner bears beside the average one's (mean 1)."""
    visits_per_week: Floats
    """How often a diner looks for a restaurant."""
    home_lats: Floats
    """Degrees; NaN in a city whose restaurants have no places."""
    home_lons: Floats

    @classmethod
    def draw(cls, catalogue: Catalogue, seed: int, diners: int) -> "Tastes":
        """Draw the tastes of ``diners`` diners; the first n are the same however many follow."""
        lats, lons = _homes(catalogue, seed, diners)
        temper = generator(seed, "city", "temper").random((diners, 4))
        return cls(
            cuisine=_cuisine_tastes(seed, diners, len(catalogue.cuisine_masks)),
            price_sensitivity=0.2 + 1.2 * temper[:, 0],
            loyalty=0.3 + 1.2 * temper[:, 1],
            patience=0.5 + temper[:, 2],
            visits_per_week=-np.log1p(-0.95 * temper[:, 3]) + 0.5,
            home_lats=lats,
            home_lons=lons,
        )


def qualities(restaurants: int, seed: int) -> Floats:
    """Return how good each restaurant is to everybody, as utility."""
    return generator(seed, "city", "quality").normal(0.0, 0.8, restaurants)


def _cuisine_tastes(seed: int, diners: int, cuisines: int) -> Floats:
    """Everybody is lukewarm about most kitchens and loves a few."""
    rng = generator(seed, "city", "cuisine")
    draws = rng.normal(0.0, 1.0, (diners, 2, max(cuisines, 1)))[:, :, :cuisines]
    loved = np.argsort(-draws[:, 1], axis=1)[:, :_FAVOURITES]
    tastes = 0.4 * draws[:, 0] - 0.8
    np.put_along_axis(tastes, loved, 2.0 + np.take_along_axis(tastes, loved, axis=1), axis=1)
    return np.asarray(tastes, dtype=np.float64)


def _homes(catalogue: Catalogue, seed: int, diners: int) -> tuple[Floats, Floats]:
    """Diners live near restaurants, as people do."""
    placed = np.flatnonzero(~np.isnan(catalogue.lats) & ~np.isnan(catalogue.lons))
    if not placed.size:
        nowhere = np.full(diners, np.nan)
        return nowhere, nowhere
    rng = generator(seed, "city", "homes")
    draws = rng.random((diners, 3))
    near = placed[(draws[:, 0] * placed.size).astype(np.int64)]
    angle, away = 2 * np.pi * draws[:, 1], _SCATTER * np.sqrt(-2 * np.log1p(-draws[:, 2]))
    lats = catalogue.lats[near] + away * np.sin(angle)
    stretch = np.cos(np.radians(catalogue.lats[near]))
    return lats, catalogue.lons[near] + away * np.cos(angle) / stretch
