"""Which shown restaurant led to a click or an order, and what the order came to: arrays, in memory.

Same request first: an event that names the request it answers belongs to what that request showed
of this restaurant to this diner. Else the latest impression within the window before it that showed
the restaurant to the diner. Of impressions at one moment the one with the greatest id counts.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = ["NO_CURRENCY", "Match", "Worth", "flattened", "matched", "worth_of"]

NO_CURRENCY: Final = "XXX"
"""ISO 4217 for "no currency": an order that no value was recorded for."""
_MICRO: Final = pa.timestamp("us", tz="UTC")
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Match:
    """Where each event belongs: a row of what was shown, or -1."""

    place: Ints
    by_request: Bools


@dataclass(frozen=True, slots=True)
class Worth:
    """What orders came to after their changes; NaN where there is nothing to say."""

    basket: Floats
    revenue: Floats
    is_assumed: Bools
    change: pa.Array
    """The newest change of the order, or null."""


def flattened(impressions: pa.Table) -> pa.Table:
    """Return a row for each shown restaurant, impressions by time, then id."""
    ordered = impressions.sort_by([("occurred_at", "ascending"), ("event_id", "ascending")])
    items: Any = ordered["items"].combine_chunks()
    shown = ordered.drop_columns(["items"]).take(pc.list_parent_indices(items))
    values = pc.list_flatten(items)
    for name in ("restaurant_id", "rank", "propensity"):
        shown = shown.append_column(name, pc.struct_field(values, name))
    return shown


def matched(shown: pa.Table, deeds: pa.Table, window_us: int) -> Match:
    """Return where each deed belongs among ``shown`` rows, which :func:`flattened` made."""
    if len(shown) == 0:
        return Match(np.full(len(deeds), -1, np.int64), np.zeros(len(deeds), np.bool_))
    at, deed_at = _micros(shown["occurred_at"]), _micros(deeds["occurred_at"])
    asked = ["user_id", "restaurant_id", "request_id"]
    key, deed_key = _keys(shown, deeds, asked)
    by_request = _latest(key, at, deed_key, deed_at)
    by_request = np.where(by_request >= 0, by_request, _first(key, deed_key))
    key, deed_key = _keys(shown, deeds, asked[:2])
    in_window = _latest(key, at, deed_key, deed_at)
    in_window = np.where(deed_at - at[in_window] <= window_us, in_window, -1)
    return Match(np.where(by_request >= 0, by_request, in_window), by_request >= 0)


def worth_of(deeds: pa.Table, changes: pa.Table, rate: float) -> Worth:
    """Return what each order came to; the newest word on it counts, also without a revenue.

    Where nobody states the platform's revenue it is assumed: basket times ``rate``. Cancelled and
    refunded orders came to nothing unless the change states amounts; a new basket without a new
    revenue makes the old revenue void. The same rule as training's.
    """
    changes = changes.sort_by([("occurred_at", "ascending"), ("event_id", "ascending")])
    newest = _newest(changes, deeds)
    said = changes.take(pa.array(newest, mask=newest < 0))
    is_order = _is(deeds["type"], "order")
    is_void = _is(said["change"], "cancelled") | _is(said["change"], "refunded")
    new_basket, new_revenue = (_floats(said[n]) for n in ("basket_minor", "platform_revenue_minor"))
    basket, revenue = (_floats(deeds[n]) for n in ("basket_minor", "platform_revenue_minor"))
    is_unsaid = np.isnan(new_basket)
    stated = np.where(is_unsaid, revenue, np.nan)
    stated = np.where(is_void, 0.0, stated)
    stated = np.where(np.isnan(new_revenue), stated, new_revenue)
    basket = np.where(is_unsaid, np.where(is_void, 0.0, basket), new_basket)
    is_priced = is_order & ~_is(deeds["currency"], NO_CURRENCY)
    is_assumed = is_priced & np.isnan(stated)
    revenue = np.where(is_assumed, np.round(basket * rate), stated)
    return Worth(
        np.where(is_priced, basket, np.nan),
        np.where(is_priced, revenue, np.nan),
        is_assumed,
        said["change"].combine_chunks(),
    )


def _newest(changes: pa.Table, deeds: pa.Table) -> Ints:
    """Return the last of the changes of each deed's order, or -1."""
    key, deed_key = _keys(changes, deeds, ["user_id", "order_id"])
    last = np.full(1 + max(key.max(initial=-1), deed_key.max(initial=-1)), -1, np.int64)
    last[key] = np.arange(len(key))  # of equal keys the last one stays
    return np.where(deed_key >= 0, last[deed_key], -1) if len(last) else np.full(len(deeds), -1)


def _latest(key: Ints, at: Ints, deed_key: Ints, deed_at: Ints) -> Ints:
    """Return the last row with the deed's key that is not after it, or -1; rows come by time."""
    order = np.argsort(key, kind="stable")
    times = np.unique(np.concatenate([at, deed_at]))
    span = len(times) + 1
    sorted_key = key[order]
    places = sorted_key * span + np.searchsorted(times, at[order])
    found = np.searchsorted(places, deed_key * span + np.searchsorted(times, deed_at), "right") - 1
    is_found = (deed_key >= 0) & (found >= 0) & (sorted_key[found] == deed_key)
    return np.where(is_found, order[found], -1)


def _first(key: Ints, deed_key: Ints) -> Ints:
    """Return the first row with the deed's key, or -1: a client's clock may run behind ours."""
    order = np.argsort(key, kind="stable")
    sorted_key = key[order]
    found = np.minimum(np.searchsorted(sorted_key, deed_key), len(key) - 1)
    is_found = (deed_key >= 0) & (sorted_key[found] == deed_key)
    return np.where(is_found, order[found], -1)


def _keys(left: pa.Table, right: pa.Table, columns: list[str]) -> tuple[Ints, Ints]:
    """Return numbers that are equal where all columns are; -1 where one of them is null."""
    count = len(left) + len(right)
    key, is_null = np.zeros(count, np.int64), np.zeros(count, np.bool_)
    for name in columns:
        both = pa.chunked_array([*left[name].chunks, *right[name].chunks], pa.string())
        encoded: Any = both.combine_chunks().dictionary_encode()
        codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        is_null |= codes < 0
        key = np.unique(key * (len(encoded.dictionary) + 1) + codes, return_inverse=True)[1]
    key = np.where(is_null, -1, key)
    return key[: len(left)], key[len(left) :]


def _micros(column: pa.ChunkedArray) -> Ints:
    found: Ints = column.cast(_MICRO).cast(pa.int64()).to_numpy()
    return found


def _floats(column: pa.ChunkedArray) -> Floats:
    found: Floats = column.cast(pa.float64()).to_numpy()
    return found


def _is(column: pa.ChunkedArray, value: str) -> Bools:
    found: Bools = pc.fill_null(pc.equal(column, value), False).to_numpy()  # noqa: FBT003 - arrow's
    return found
