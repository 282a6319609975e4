"""Which restaurants are near, at a cost that does not grow with how many there are elsewhere."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maitred import geo

__all__ = ["Places"]

_FEW = 1_000
"""So few places are all looked at: a comparison of each costs less than finding its cells."""

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Restaurants sorted by the H3 cell that they stand in.

    ``points`` [n, 3] unit vectors by catalogue row, NaN where no place is known. Of the restaurants
    with a known place, in order of their cells: ``cells`` [p] ids of `maitred.geo.INDEX_RESOLUTION`,
    ``rows`` [p], and ``cell_points`` [p, 3], the same vectors once more: what lies together on the
    ground lies together in memory.
    """

    points: Floats
    cell_points: Floats
    cells: NDArray[np.uint64]
    rows: NDArray[np.int32]

    @classmethod
    def of(cls, lats: Floats, lons: Floats) -> "Places":
        """Sort places; NaN are left out of the index."""
        known = np.flatnonzero(np.isfinite(lats) & np.isfinite(lons))
        ids = [
            geo.cell_of(lat, lon)
            for lat, lon in zip(lats[known].tolist(), lons[known].tolist(), strict=True)
        ]
        cells = np.array(ids, dtype=np.uint64)
        order = np.argsort(cells, kind="stable")
        points = geo.points(lats, lons)
        rows = known[order].astype(np.int32)
        return cls(points, points[rows], cells[order], rows)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return what has to be kept."""
        return {
            "points": self.points,
            "cell_points": self.cell_points,
            "cells": self.cells,
            "cell_rows": self.rows,
        }

    def within(self, lat: float, lon: float, radius_km: float, *, at_most: int) -> Indices | None:
        """Return the rows no farther than a radius, ascending, by exact distance.

        None: more than ``at_most`` places would have to be looked at.
        """
        found = self._nearby(lat, lon, radius_km, at_most)
        if found is None:
            return None
        near = _is_near(self.cell_points[found], geo.point(lat, lon), geo.chord2_of(radius_km))
        rows: Indices = self.rows[found[near]].astype(np.intp)
        rows.sort()
        return rows

    def is_within(self, rows: Indices, lat: float, lon: float, chord2: Floats) -> Bools:
        """Return which of these rows are no farther than a squared chord (one, or one a row)."""
        return _is_near(self.points[rows], geo.point(lat, lon), chord2)

    def _nearby(self, lat: float, lon: float, radius_km: float, at_most: int) -> Indices | None:
        """Return positions in the order of cells that hold everything within a radius."""
        ranges = geo.cover(lat, lon, radius_km) if self.rows.size > _FEW else None
        if ranges is None:
            return np.arange(self.rows.size) if self.rows.size <= at_most else None
        starts = self.cells.searchsorted(ranges[0], side="left")
        lengths = self.cells.searchsorted(ranges[1], side="right") - starts
        count = int(lengths.sum())
        if count > at_most:
            return None
        before = lengths.cumsum() - lengths
        found: Indices = np.arange(count) + (starts - before).repeat(lengths)
        return found


def _is_near(points: Floats, here: Floats, chord2: Floats) -> Bools:
    apart = points - here
    result: Bools = np.einsum("ij,ij->i", apart, apart) <= chord2
    return result
