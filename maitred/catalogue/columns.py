"""Restaurants as columns: flat arrays that map into memory, whatever their number.

A worker that reads a million restaurants as Python objects would spend a gigabyte and ten seconds
on them; as columns they are pages of a file that all workers share.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from maitred.catalogue.hours import Opening
from maitred.catalogue.places import Places
from maitred.catalogue.restaurant import Restaurant
from maitred.catalogue.tags import Tags, indptr_of
from maitred.catalogue.texts import Texts

__all__ = ["ARRAYS", "Columns"]

Floats = NDArray[np.float64]

ARRAYS: dict[str, tuple[str, int]] = {
    "ids": ("uint8", 1),
    "id_offsets": ("int64", 1),
    "names": ("uint8", 1),
    "name_offsets": ("int64", 1),
    "coordinates": ("float64", 2),
    "points": ("float64", 2),
    "cell_points": ("float64", 2),
    "cells": ("uint64", 1),
    "cell_rows": ("int32", 1),
    "prices": ("int8", 1),
    "worths": ("int64", 1),
    "commissions": ("float64", 1),
    "deliveries": ("float64", 1),
    "zones": ("int16", 1),
    "cuisines_indptr": ("int64", 1),
    "cuisines": ("int32", 1),
    "attributes_indptr": ("int64", 1),
    "attributes": ("int32", 1),
    "openings_indptr": ("int64", 1),
    "openings": ("int16", 2),
    "words": ("uint8", 1),
}
"""Every column: dtype and number of dimensions."""

_UNKNOWN = -1


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """One entry a restaurant, ascending by id.

    ``coordinates`` [n, 2] degrees; ``prices`` 0 where unknown; ``worths`` minor units, -1 where
    unknown; ``commissions`` and ``deliveries`` (km) NaN where unknown; ``zones`` places in
    ``zone_names``; ``openings`` [h, 2] minutes of the week, flat, cut by ``openings_indptr``.
    """

    ids: Texts
    names: Texts
    coordinates: Floats
    places: Places
    prices: NDArray[np.int8]
    worths: NDArray[np.int64]
    commissions: Floats
    deliveries: Floats
    zones: NDArray[np.int16]
    zone_names: tuple[str, ...]
    cuisines: Tags
    attributes: Tags
    openings_indptr: NDArray[np.int64]
    openings: NDArray[np.int16]

    @classmethod
    def of(cls, restaurants: Sequence[Restaurant]) -> "Columns":
        """Make columns of records that are in order of their ids."""
        coordinates = np.array(
            [(_nan(r.lat), _nan(r.lon)) for r in restaurants], dtype=np.float64
        ).reshape(-1, 2)
        zone_names = tuple(sorted({r.timezone or "" for r in restaurants}))
        zone = {name: at for at, name in enumerate(zone_names)}
        openings = [(o.opens, o.closes) for r in restaurants for o in r.hours]
        return cls(
            ids=Texts.of([r.restaurant_id for r in restaurants]),
            names=Texts.of([r.name for r in restaurants]),
            coordinates=coordinates,
            places=Places.of(coordinates[:, 0], coordinates[:, 1]),
            prices=np.array([r.price_level or 0 for r in restaurants], dtype=np.int8),
            worths=_whole(r.avg_value_minor for r in restaurants),
            commissions=_column(r.commission_rate for r in restaurants),
            deliveries=_column(r.delivery_km for r in restaurants),
            zones=np.array([zone[r.timezone or ""] for r in restaurants], dtype=np.int16),
            zone_names=zone_names,
            cuisines=Tags.of([r.cuisines for r in restaurants]),
            attributes=Tags.of([r.attributes for r in restaurants]),
            openings_indptr=indptr_of(len(r.hours) for r in restaurants),
            openings=np.array(openings, dtype=np.int16).reshape(-1, 2),
        )

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> "Columns":
        """Take the arrays that :meth:`arrays` gave; they are used, not copied.

        Raises:
            ValueError, KeyError, IndexError: if they do not fit together.
        """
        words = orjson.loads(arrays["words"].tobytes())
        given: dict[str, Any] = dict(arrays)  # dtypes are checked by whoever read the files
        columns = cls(
            ids=Texts(given["ids"], given["id_offsets"]),
            names=Texts(given["names"], given["name_offsets"]),
            places=Places(
                given["points"], given["cell_points"], given["cells"], given["cell_rows"]
            ),
            zone_names=tuple(words["zones"]),
            cuisines=Tags(given["cuisines_indptr"], given["cuisines"], tuple(words["cuisines"])),
            attributes=Tags(
                given["attributes_indptr"], given["attributes"], tuple(words["attributes"])
            ),
            **{name: given[name] for name in _PLAIN},
        )
        columns.check()
        return columns

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return everything as arrays, by the names of :data:`ARRAYS`."""
        words = {
            "zones": self.zone_names,
            "cuisines": self.cuisines.words,
            "attributes": self.attributes.words,
        }
        return {
            "ids": self.ids.blob,
            "id_offsets": self.ids.offsets,
            "names": self.names.blob,
            "name_offsets": self.names.offsets,
            **self.places.arrays(),
            "cuisines_indptr": self.cuisines.indptr,
            "cuisines": self.cuisines.codes,
            "attributes_indptr": self.attributes.indptr,
            "attributes": self.attributes.codes,
            "words": np.frombuffer(orjson.dumps(words), dtype=np.uint8),
            **{name: getattr(self, name) for name in _PLAIN},
        }

    def check(self) -> None:
        """Raise ValueError if lengths or codes do not fit together."""
        n = len(self.ids)
        by_row = (self.coordinates, self.places.points, self.prices, self.worths,
                  self.commissions, self.deliveries, self.zones)  # fmt: skip
        lists = ((self.cuisines.indptr, self.cuisines.codes), (self.attributes.indptr, self.attributes.codes),
                 (self.openings_indptr, self.openings))  # fmt: skip
        codes = ((self.cuisines.codes, len(self.cuisines.words)), (self.zones, len(self.zone_names)),
                 (self.attributes.codes, len(self.attributes.words)), (self.places.rows, n))  # fmt: skip
        faults = [
            len(self.names) != n,
            any(column.shape[0] != n for column in by_row),
            any(p.size != n + 1 or (n and int(p[-1]) != flat.shape[0]) for p, flat in lists),
            any(c.size and not 0 <= int(c.min()) <= int(c.max()) < most for c, most in codes),
        ]
        if any(faults):
            msg = "the columns of the catalogue do not fit together"
            raise ValueError(msg)

    def record(self, row: int) -> Restaurant:
        """Return one restaurant as a record."""
        lat, lon = self.coordinates[row].tolist()
        hours = self.openings[self.openings_indptr[row] : self.openings_indptr[row + 1]]
        worth = int(self.worths[row])
        return Restaurant(
            restaurant_id=self.ids[row],
            name=self.names[row],
            lat=_none(lat),
            lon=_none(lon),
            cuisines=self.cuisines[row],
            price_level=int(self.prices[row]) or None,
            avg_value_minor=None if worth == _UNKNOWN else worth,
            commission_rate=_none(float(self.commissions[row])),
            hours=tuple(Opening(*span) for span in hours.tolist()),
            timezone=self.zone_names[self.zones[row]] or None,
            attributes=self.attributes[row],
            delivery_km=_none(float(self.deliveries[row])),
        )


_PLAIN = (
    "coordinates", "prices", "worths", "commissions", "deliveries", "zones",
    "openings_indptr", "openings",
)  # fmt: skip


def _nan(value: float | None) -> float:
    return np.nan if value is None else value


def _none(value: float) -> float | None:
    return None if np.isnan(value) else value


def _column(values: Iterable[float | None]) -> Floats:
    return np.array([_nan(value) for value in values], dtype=np.float64)


def _whole(values: Iterable[int | None]) -> NDArray[np.int64]:
    return np.array([_UNKNOWN if value is None else value for value in values], dtype=np.int64)
