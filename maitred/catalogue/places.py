"""Which restaurants are near, at a cost that does not grow with how many there are elsewhere."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maitred import geo

__all__ = ["Places"]

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Restaurants sorted by the H3 cell that they stand in.

    ``points`` [n, 3] unit vectors by catalogue row, NaN where no place is known. ``cells`` [p]
    ascending ids of `maitred.geo.INDEX_RESOLUTION` and ``rows`` [p] the restaurants in them: those
    with a known place only.
    """

    points: Floats
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
        return cls(geo.points(lats, lons), cells[order], known[order].astype(np.int32))

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return what has to be kept."""
        return {"points": self.points, "cells": self.cells, "cell_rows": self.rows}

    def within(self, lat: float, lon: float, radius_km: float, *, at_most: int) -> Indices | None:
        """Return the rows no farther than a radius, ascending, by exact distance.

        None: more than ``at_most`` places would have to be looked at.
        """
        near = self._nearby(lat, lon, radius_km, at_most)
        if near is None:
            return None
        rows: Indices = near[self.is_within(near, lat, lon, geo.chord2_of(radius_km))]
        rows.sort()
        return rows

    def is_within(self, rows: Indices, lat: float, lon: float, chord2: Floats) -> Bools:
        """Return which of these rows are no farther than a squared chord (one, or one a row)."""
        apart = self.points[rows] - geo.point(lat, lon)
        result: Bools = np.einsum("ij,ij->i", apart, apart) <= chord2
        return result

    def _nearby(self, lat: float, lon: float, radius_km: float, at_most: int) -> Indices | None:
        ranges = geo.cover(lat, lon, radius_km)
        if ranges is None:
            return self.rows.astype(np.intp) if self.rows.size <= at_most else None
        starts = np.searchsorted(self.cells, ranges[0], side="left")
        lengths = np.searchsorted(self.cells, ranges[1], side="right") - starts
        count = int(lengths.sum())
        if count > at_most:
            return None
        before = np.cumsum(lengths) - lengths
        places = np.arange(count) + np.repeat(starts - before, lengths)
        found: Indices = self.rows[places].astype(np.intp)
        return found
