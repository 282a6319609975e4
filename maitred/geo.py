"""Distances and areas on the sphere; pure functions over arrays."""

import math
from functools import lru_cache

import h3
import h3.api.numpy_int as cells
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "AREA_RESOLUTION",
    "EARTH_RADIUS_KM",
    "HALF_THE_EARTH_KM",
    "INDEX_RESOLUTION",
    "area",
    "cell_of",
    "chord2_of",
    "cover",
    "distance_km",
    "point",
    "points",
]

EARTH_RADIUS_KM = 6371.0088
"""Mean radius of the WGS 84 ellipsoid, IUGG."""

HALF_THE_EARTH_KM = 20_040.0
"""No place on earth is farther from another: half of the equator, rounded up."""

AREA_RESOLUTION = 6
"""H3 resolution of an *area*: cells of about 36 km², a part of a city."""

INDEX_RESOLUTION = 10
"""H3 resolution by which places are sorted: cells of about 0.015 km², a block of houses."""

Floats = NDArray[np.float64]
Cells = NDArray[np.uint64]

_MOST_RINGS = 7
"""A cover has at most 1 + 3 · 6 · 7 = 127 cells; finer ones would scan less and cost more."""
_REACH = 1.3
"""How far, in distances between cells, a place in the circle may be from where its cell counts: .58
to the centre of the middle cell, and .7 from the place to the centre of the ancestor that it names."""
_SAFETY = 0.9
"""Rings are taken for this much narrower than they are here: cells shrink towards pentagons."""
_DIGIT_BITS = 3
_FINEST = 15


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


def points(lats: Floats, lons: Floats) -> Floats:
    """Return places as unit vectors, [n, 3]: their chords compare like their distances."""
    phi, theta = np.radians(lats), np.radians(lons)
    result: Floats = np.stack(
        [np.cos(phi) * np.cos(theta), np.cos(phi) * np.sin(theta), np.sin(phi)], axis=1
    )
    return result


def point(lat: float, lon: float) -> Floats:
    """Return one place as a unit vector, [3]."""
    phi, theta = math.radians(lat), math.radians(lon)
    across = math.cos(phi)
    return np.array([across * math.cos(theta), across * math.sin(theta), math.sin(phi)])


def chord2_of(radius_km: float | Floats) -> Floats:
    """Return the squared chord of the unit sphere that spans this distance; 4 is the farthest."""
    half_angle = np.minimum(np.asarray(radius_km) / (2 * EARTH_RADIUS_KM), np.pi / 2)
    result: Floats = 4.0 * np.sin(half_angle) ** 2
    return result


def area(lat: float | None, lon: float | None) -> str:
    """Return the H3 cell that names the part of a city, or ``"*"`` where no place is known."""
    if lat is None or lon is None:
        return "*"
    return str(h3.latlng_to_cell(lat, lon, AREA_RESOLUTION))


def cell_of(lat: float, lon: float) -> int:
    """Return the cell of :data:`INDEX_RESOLUTION` that holds a place."""
    return int(cells.latlng_to_cell(lat, lon, INDEX_RESOLUTION))


def cover(lat: float, lon: float, radius_km: float) -> tuple[Cells, Cells] | None:
    """Return ranges of cell ids, (lowest, highest), that hold every place within a radius.

    Ids of :data:`INDEX_RESOLUTION`; ranges do not overlap. They hold more than the circle, so
    distances must be compared after. None: the circle is so large that all cells are as good.

    The circle is covered by rings of cells around the one in its centre, at the finest resolution
    where six rings suffice. An id's digits are its ancestors', so what lies below a cell is one
    range of ids; a place may lie a little outside of the ancestor that its id names, and
    the reach allows for that.
    """
    for resolution in range(INDEX_RESOLUTION, -1, -1):
        edge_km = _edge_km(resolution)
        if radius_km > edge_km * 1.5 * _MOST_RINGS:
            continue
        origin = cells.latlng_to_cell(lat, lon, resolution)
        widest, narrowest = _spacing_km(int(origin))
        reach_km = radius_km + _REACH * widest
        rings = int(reach_km / (0.866 * _SAFETY * narrowest))
        if rings <= _MOST_RINGS:
            return _ranges(int(origin), rings, resolution)
    return None


@lru_cache(maxsize=16)
def _edge_km(resolution: int) -> float:
    return float(h3.average_hexagon_edge_length(resolution, unit="km"))


@lru_cache(maxsize=65_536)
def _spacing_km(cell: int) -> tuple[float, float]:
    """Return the widest and the narrowest distance from a cell's centre to its neighbours'."""
    around = [cells.cell_to_latlng(other) for other in cells.grid_disk(cell, 1)]
    lat, lon = cells.cell_to_latlng(cell)
    lats, lons = np.array(around).T
    away = distance_km(lat, lon, lats, lons)
    apart = away[away > 1e-9]  # noqa: PLR2004  # not the cell itself
    return float(apart.max()), float(apart.min())


def _ranges(origin: int, rings: int, resolution: int) -> tuple[Cells, Cells]:
    disk = np.sort(cells.grid_disk(origin, rings))
    low_digit = _DIGIT_BITS * (_FINEST - INDEX_RESOLUTION)
    open_digits = sum(
        7 << (low_digit + _DIGIT_BITS * i) for i in range(INDEX_RESOLUTION - resolution)
    )
    last_digits = sum(
        6 << (low_digit + _DIGIT_BITS * i) for i in range(INDEX_RESOLUTION - resolution)
    )
    bare = disk & ~np.uint64((15 << 52) | open_digits)
    lowest = bare | np.uint64(INDEX_RESOLUTION << 52)
    return lowest, lowest | np.uint64(last_digits)
