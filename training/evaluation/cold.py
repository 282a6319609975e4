"""Held-out choices asked as by strangers: what the rungs below personalised would have shown."""

from collections.abc import Mapping, Sequence
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

__all__ = ["POPULAR", "place_cold", "with_strangers"]

POPULAR = "popular"
_EVERYWHERE = key(ANY, ANY, ANY)


def place_cold(
    model: Model,
    segments: Mapping[str, Segment],
    cases: Cases,
    who: NDArray[np.bool_],
    dials: Sequence[float] = (0.0,),
) -> Placements:
    """Rank the targets of the cases in ``who`` [cases] in lists for strangers.

    One column a dial, ``segment`` or ``w=…``: the list of the choice's time and place. The last
    column is ``popular``, the one list for everybody. The hour is that of most restaurants, as in
    serving.
    """
    zone = ZoneInfo(model.catalogue.usual_timezone)
    n = len(model.catalogue)
    popular = _popular(model, 0.0)
    orders: dict[str, list[NDArray[np.intp]]] = {}
    ranks = np.full((cases.items.size, len(dials) + 1), MISSED, dtype=np.int64)
    exposure = np.zeros((len(dials) + 1, n), dtype=np.int64)
    cuts = np.searchsorted(cases.owner, np.arange(len(cases) + 1))
    for case in np.flatnonzero(who).tolist():
        name = _segment_of(segments, cases, case, zone)
        if name not in orders:
            orders[name] = [_order(model, segments.get(name), dial) for dial in dials]
        wanted = slice(cuts[case], cuts[case + 1])
        for column, order in enumerate((*orders[name], popular)):
            place = np.empty(n, dtype=np.int64)
            place[order] = np.arange(n)
            ranks[wanted, column] = place[cases.items[wanted]]
            exposure[column, order[:K]] += 1
    names = ("segment" if not dial else f"w={dial}" for dial in dials)
    return Placements((*names, POPULAR), ranks, exposure)


def with_strangers(placed: Placements, cold: Placements, cases: Cases) -> Placements:
    """Add the lists of strangers, column by column: ``cold`` has one for each of ``placed``."""
    ranks, exposure = placed.ranks.copy(), placed.exposure.copy()
    width = ranks.shape[1]
    targets = np.flatnonzero(cases.rows[cases.owner] < 0)
    ranks[targets] = cold.ranks[targets, :width]
    exposure += cold.exposure[:width]
    return Placements(placed.names, ranks, exposure)


def _segment_of(segments: Mapping[str, Segment], cases: Cases, case: int, zone: ZoneInfo) -> str:
    local = datetime.fromtimestamp(cases.at[case], UTC).astimezone(zone)
    known = bool(np.isfinite(cases.lat[case]) and np.isfinite(cases.lon[case]))
    area = geo.area(float(cases.lat[case]), float(cases.lon[case])) if known else ANY
    names = segment_keys(area, daypart(local), None)
    return next((name for name in names if name != _EVERYWHERE and name in segments), "")


def _order(model: Model, segment: Segment | None, dial: float) -> NDArray[np.intp]:
    popular = _popular(model, dial)
    if segment is None:
        return popular
    items = segment.items.astype(np.intp)
    scores = segment.scores + dial * model.log_values[items]
    head = items[np.lexsort((items, -scores))]
    return np.concatenate([head, popular[~np.isin(popular, head)]])


def _popular(model: Model, dial: float) -> NDArray[np.intp]:
    shares = np.log(model.choices.astype(np.float64) + 0.5)
    scores = shares + dial * model.log_values
    return np.lexsort((np.arange(scores.size), -scores))
