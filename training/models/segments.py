"""Lists for diners nobody knows: what was chosen where, when and of which cuisine."""

from datetime import datetime
from itertools import product

import numpy as np
import pandas as pd

from maitred import geo
from maitred.artifact import Segment
from maitred.artifact.segments import ANY, daypart, key
from maitred.catalogue import Catalogue
from training.dataset import Dataset

__all__ = ["build_segments"]

_LEAST_CHOICES = 20
"""A narrower list than the whole needs this many choices to be worth more than a wider one."""
_LONGEST = 200
_DAYPARTS = [daypart(datetime(2000, 1, 1, hour)) for hour in range(24)]  # noqa: DTZ001 - local


def build_segments(dataset: Dataset, catalogue: Catalogue) -> dict[str, Segment]:
    """Return area x daypart x cuisine lists, with ``*`` for any, best first.

    An area is where the diner was, else where the chosen restaurant is; dayparts are in the
    restaurant's local time. ``*|*|*`` always exists and names every restaurant up to 500.
    """
    choices = _choices(dataset, catalogue)
    segments = {key(ANY, ANY, ANY): _everything(choices, len(catalogue))}
    for masks in product((False, True), repeat=3):
        if any(masks):
            segments |= _narrowed(choices, masks)
    return segments


def _choices(dataset: Dataset, catalogue: Catalogue) -> pd.DataFrame:
    orders = dataset.choices
    item = orders["restaurant_id"].map(dict(catalogue.index)).to_numpy().astype(np.int64)
    columns = catalogue.columns
    names = np.array([name or "UTC" for name in columns.zone_names], dtype=object)
    zones = names[columns.zones[item]]
    hour = np.zeros(len(orders), dtype=np.int64)
    for zone in sorted(set(zones)):
        here = zones == zone
        hour[here] = orders["occurred_at"][here].dt.tz_convert(zone).dt.hour.to_numpy()
    known = orders["lat"].notna().to_numpy()
    lat = np.where(known, orders["lat"].to_numpy(dtype=np.float64), catalogue.lats[item])
    lon = np.where(known, orders["lon"].to_numpy(dtype=np.float64), catalogue.lons[item])
    cuisines = [columns.cuisines[i] for i in item.tolist()]
    return pd.DataFrame(
        {
            "area": _areas(lat, lon),
            "part": np.array(_DAYPARTS, dtype=object)[hour],
            "cuisine": pd.Series(cuisines, dtype=object),
            "item": item,
        }
    )


def _areas(lat: np.ndarray, lon: np.ndarray) -> list[str]:
    names: dict[tuple[float, float], str] = {}
    areas = []
    for place in zip(lat.tolist(), lon.tolist(), strict=True):
        if place not in names:
            known = all(np.isfinite(place))
            names[place] = geo.area(*place) if known else ANY
        areas.append(names[place])
    return areas


def _everything(choices: pd.DataFrame, n: int) -> Segment:
    counts = np.bincount(choices["item"], minlength=n).astype(np.float64)
    return _segment(np.arange(n), counts, longest=500)


def _narrowed(choices: pd.DataFrame, masks: tuple[bool, ...]) -> dict[str, Segment]:
    names = ("area", "part", "cuisine")
    by = [name for name, used in zip(names, masks, strict=True) if used]
    rows = choices.explode("cuisine").dropna(subset=["cuisine"]) if "cuisine" in by else choices
    if "area" in by:
        rows = rows[rows["area"] != ANY]
    counts = rows.groupby([*by, "item"], sort=True).size().reset_index(name="count")
    segments = {}
    for found, group in counts.groupby(by, sort=True):
        if group["count"].sum() < _LEAST_CHOICES:
            continue
        values = dict(zip(by, found, strict=True))
        name = key(*(str(values.get(part, ANY)) for part in names))
        weights = group["count"].to_numpy(dtype=np.float64)
        segments[name] = _segment(group["item"].to_numpy(), weights, longest=_LONGEST)
    return segments


def _segment(items: np.ndarray, counts: np.ndarray, *, longest: int) -> Segment:
    order = np.lexsort((items, -counts))[:longest]
    share = (counts[order] + 0.5) / (counts.sum() + 0.5 * counts.size)
    return Segment(items[order].astype(np.int32), np.log(share).astype(np.float32))
