"""Distances and areas on the sphere; pure functions over arrays."""

import h3
import numpy as np
from numpy.typing import NDArray

__all__ = ["AREA_RESOLUTION", "EARTH_RADIUS_KM", "area", "distance_km"]

EARTH_RADIUS_KM = 6371.0088
"""Mean radius of the WGS 84 ellipsoid, IUGG."""

AREA_RESOLUTION = 6
"""H3 resolution of an *area*: cells of about 36 km², a part of a city."""

Floats = NDArray[np.float64]


def distance_km(lat: float, lon: float, lats: Floats, lons: Floats) -> Floats:
    """Return great-circle distances from one point to many, in kilometres (haversine formula).

    ``lats`` and ``lons`` are degrees; NaN in, NaN out.
    """
    phi, phis = np.radians(lat), np.radians(lats)
    half_dphi = (phis - phi) / 2
    half_dlambda = np.radians(lons - lon) / 2
    a = np.sin(half_dphi) ** 2 + np.cos(phi) * np.cos(phis) * np.sin(half_dlambda) ** 2
    result: Floats = 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.clip(a, 0.0, 1.0)))
    return result


def area(lat: float | None, lon: float | None) -> str:
    """Return the H3 cell that names the part of a city, or ``"*"`` where no place is known."""
    if lat is None or lon is None:
        return "*"
    return str(h3.latlng_to_cell(lat, lon, AREA_RESOLUTION))
