"""Held-out choices asked as by strangers: what the rungs below personalised would have shown."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from maitred import geo
from maitred.artifact import Model, Segment, daypart, segment_keys
from maitred.artifact.segments import ANY, key
from maitred.metrics import MISSED
from training.evaluation.placement import K, Placements
from training.models.cases import Cases

__all__ = ["COLD_ROWS", "place_cold"]

COLD_ROWS = ("segment", "popular")
_EVERYWHERE = key(ANY, ANY, ANY)


def place_cold(model: Model, segments: Mapping[str, Segment], cases: Cases) -> Placements:
    """Rank every target in the list of its time and place, and in the one list for everybody.

    The place is where the choice was made, the hour that of most restaurants, as in serving.
    """
    zones = Counter(r.timezone or "UTC" for r in model.catalogue.restaurants)
    zone = ZoneInfo(min(zones, key=lambda name: (-zones[name], name)))
    n = len(model.catalogue)
    popular = model.by_popularity
    orders: dict[str, NDArray[np.intp]] = {}
    ranks = np.full((cases.items.size, 2), MISSED, dtype=np.int64)
    exposure = np.zeros((2, n), dtype=np.int64)
    cuts = np.searchsorted(cases.owner, np.arange(len(cases) + 1))
    for case in range(len(cases)):
        name = _segment_of(segments, cases, case, zone)
        if name not in orders:
            orders[name] = _continued(segments.get(name), popular)
        wanted = slice(cuts[case], cuts[case + 1])
        for column, order in enumerate((orders[name], popular)):
            place = np.empty(n, dtype=np.int64)
            place[order] = np.arange(n)
            ranks[wanted, column] = place[cases.items[wanted]]
            exposure[column, order[:K]] += 1
    return Placements(COLD_ROWS, ranks, exposure)


def _segment_of(segments: Mapping[str, Segment], cases: Cases, case: int, zone: ZoneInfo) -> str:
    local = datetime.fromtimestamp(cases.at[case], UTC).astimezone(zone)
    known = bool(np.isfinite(cases.lat[case]) and np.isfinite(cases.lon[case]))
    area = geo.area(float(cases.lat[case]), float(cases.lon[case])) if known else ANY
    names = segment_keys(area, daypart(local), None)
    return next((name for name in names if name != _EVERYWHERE and name in segments), "")


def _continued(segment: Segment | None, popular: NDArray[np.intp]) -> NDArray[np.intp]:
    if segment is None:
        return popular
    head = segment.items.astype(np.intp)
    return np.concatenate([head, popular[~np.isin(popular, head)]])
