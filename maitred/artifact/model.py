"""A loaded model: frozen arrays in the form that serving reads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np
import orjson
from numpy.typing import NDArray

from maitred.artifact import strings
from maitred.artifact.diners import DinerRow
from maitred.artifact.manifest import Manifest
from maitred.artifact.segments import Segment
from maitred.catalogue import Catalogue, Ints, Restaurant, format_hours, parse_hours

__all__ = ["Arrays", "Model", "catalogue_bytes", "diner_arrays", "segment_arrays"]

Arrays = Mapping[str, NDArray[np.generic]]
Floats32 = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Model:
    """One version of one recommender over n restaurants; n, not the file, fixes the shapes.

    ``vectors`` float32 [n, width]: scores are ``vectors @ row.vector``, with both biases folded
    in as two more dimensions. ``neighbours_*``: row h of a sparse [n, n] matrix holds what having
    visited h says about others. ``popularity`` and ``choices`` float32 [n]: distinct diners, and
    choices. ``values`` float32 [n]: what a choice is worth, minor units, winsorised, never ≤ 0.
    """

    version: str
    manifest: Manifest
    catalogue: Catalogue
    vectors: Floats32
    neighbours_indptr: NDArray[np.int64]
    neighbours_items: Ints
    neighbours_weights: Floats32
    popularity: Floats32
    choices: Floats32
    values: Floats32
    segments: Mapping[str, Segment]
    weights: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        weights = np.array(self.manifest.ranker.weights, dtype=np.float64)
        object.__setattr__(self, "weights", weights)

    @cached_property
    def log_values(self) -> NDArray[np.float64]:
        """Log v by restaurant."""
        return np.log(self.values.astype(np.float64))

    @cached_property
    def mean_log_value(self) -> float:
        """Centre of the ``value`` feature."""
        return float(self.log_values.mean()) if self.log_values.size else 0.0

    @cached_property
    def log_popularity(self) -> Floats32:
        """log(1 + distinct diners) by restaurant."""
        return np.log1p(self.popularity)

    @cached_property
    def log_choices(self) -> Floats32:
        """log(1 + choices) by restaurant."""
        return np.log1p(self.choices)

    @cached_property
    def by_popularity(self) -> NDArray[np.intp]:
        """Restaurant indices, most chosen first; distinct diners, then ids settle ties."""
        order = np.lexsort((np.arange(self.choices.size), -self.popularity, -self.choices))
        return np.asarray(order, dtype=np.intp)

    def neighbours(self, item: int) -> tuple[Ints, Floats32]:
        """Return what a visit of ``item`` says: (restaurant indices, weights)."""
        span = slice(self.neighbours_indptr[item], self.neighbours_indptr[item + 1])
        return self.neighbours_items[span], self.neighbours_weights[span]

    @classmethod
    def from_arrays(cls, version: str, manifest: Manifest, arrays: Arrays) -> "Model":
        """Assemble a model from the arrays of role ``model``; they are used, not copied."""
        catalogue = Catalogue(tuple(_restaurants(arrays["catalogue"].tobytes())))
        return cls(
            version=version,
            manifest=manifest,
            catalogue=catalogue,
            segments=_segments(arrays),
            **{
                name: arrays[name]  # type: ignore[arg-type]  # dtypes are checked by folder.load
                for name in (
                    "vectors",
                    "neighbours_indptr",
                    "neighbours_items",
                    "neighbours_weights",
                    "popularity",
                    "choices",
                    "values",
                )
            },
        )


def catalogue_bytes(catalogue: Catalogue) -> NDArray[np.uint8]:
    """Return the catalogue as JSON lines in one byte array."""
    lines = [
        orjson.dumps(
            {
                "restaurant_id": r.restaurant_id,
                "name": r.name,
                "lat": r.lat,
                "lon": r.lon,
                "cuisines": r.cuisines,
                "price_level": r.price_level,
                "avg_value_minor": r.avg_value_minor,
                "commission_rate": r.commission_rate,
                "hours": format_hours(r.hours),
                "timezone": r.timezone,
                "attributes": r.attributes,
            },
            option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE,
        )
        for r in catalogue.restaurants
    ]
    return np.frombuffer(b"".join(lines), dtype=np.uint8)


def _restaurants(raw: bytes) -> list[Restaurant]:
    restaurants = []
    for line in raw.splitlines():
        record = orjson.loads(line)
        for name in ("cuisines", "attributes"):
            record[name] = tuple(record[name])
        record["hours"] = parse_hours(record["hours"])
        restaurants.append(Restaurant(**record))
    return restaurants


def segment_arrays(segments: Mapping[str, Segment]) -> dict[str, NDArray[np.generic]]:
    """Return segments as arrays, sorted by key."""
    names = sorted(segments)
    blob, offsets = strings.pack(names)
    items = [segments[name].items for name in names]
    indptr = np.zeros(len(names) + 1, dtype=np.int64)
    np.cumsum([i.size for i in items], out=indptr[1:])
    scores = [segments[name].scores for name in names]
    return {
        "segments_keys": blob,
        "segments_key_offsets": offsets,
        "segments_indptr": indptr,
        "segments_items": np.concatenate([np.empty(0, np.int32), *items]).astype(np.int32),
        "segments_scores": np.concatenate([np.empty(0, np.float32), *scores]).astype(np.float32),
    }


def _segments(arrays: Arrays) -> dict[str, Segment]:
    names = strings.unpack(arrays["segments_keys"], arrays["segments_key_offsets"])  # type: ignore[arg-type]
    cuts = arrays["segments_indptr"].tolist()
    items, scores = arrays["segments_items"], arrays["segments_scores"]
    return {
        name: Segment(items[a:b], scores[a:b])  # type: ignore[arg-type]  # dtypes checked at load
        for name, (a, b) in zip(names, pairwise(cuts), strict=True)
    }


def diner_arrays(rows: Mapping[str, DinerRow], width: int) -> dict[str, NDArray[np.generic]]:
    """Return diner rows as arrays, sorted by user id; every vector has ``width`` or is absent."""
    users = sorted(rows)
    blob, offsets = strings.pack(users)
    ordered = [rows[u] for u in users]
    indptr = np.zeros(len(users) + 1, dtype=np.int64)
    np.cumsum([r.items.size for r in ordered], out=indptr[1:])
    vectors = [r.vector for r in ordered]
    return {
        "diners_ids": blob,
        "diners_id_offsets": offsets,
        "diners_indptr": indptr,
        "diners_items": np.concatenate([np.empty(0, np.int32), *(r.items for r in ordered)]),
        "diners_at": np.concatenate([np.empty(0), *(r.at for r in ordered)]),
        "diners_choices": np.concatenate([np.empty(0, np.float32), *(r.choices for r in ordered)]),
        "diners_vectors": np.array(vectors, dtype=np.float32).reshape(len(users), width),
    }
