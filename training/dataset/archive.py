"""The archive's events as rows of a data set: what diners did since becomes what is trained on.

Only the kinds of traffic that the caller names, and only diners who consented. Money is decided
here: platform revenue net of later changes, or where nobody stated it a basket times an assumed rate.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from maitred import archive
from maitred.errors import InvalidDataset
from training.dataset import schema
from training.dataset.folder import Dataset, build

__all__ = ["extend"]

_NO_CURRENCY: Final = "XXX"
"""ISO 4217 for "no currency": an order that no value was recorded for."""

_COLUMNS: Final = [
    "event_id",
    "user_id",
    "restaurant_id",
    "type",
    "occurred_at",
    "request_id",
    "consent",
    "order_id",
    "change",
    "basket_minor",
    "platform_revenue_minor",
    "currency",
]
_KINDS: Final = frozenset({"click", "order", "dismiss", "order_changed"})


@dataclass(frozen=True, slots=True)
class _Priced:
    rows: pd.DataFrame
    assumed: int
    """Orders whose revenue is an assumption."""


def extend(
    base: Dataset, folder: Path, traffic: Collection[str], *, commission_rate: float
) -> Dataset:
    """Return the data set with the archive's events added; without new ones, ``base`` itself.

    An event that the data set has already, by diner and event id, is not added again.

    Raises:
        InvalidDataset: if the orders' currencies differ from each other or from the data set's.
    """
    table = archive.table(folder, traffic=traffic, kinds=_KINDS, columns=_COLUMNS)
    found = schema.frame_of(table)
    found = found[found["consent"].astype(bool)].reset_index(drop=True)
    fresh = _without_known(found[found["type"] != "order_changed"], base)
    if fresh.empty:
        return base
    priced = _price(fresh, found[found["type"] == "order_changed"], commission_rate)
    _require_one_currency(base, priced.rows)
    events = pd.concat(
        [base.events, priced.rows.reindex(columns=base.events.columns)], ignore_index=True
    )
    return build(
        events,
        base.restaurants,
        base.users,
        source=f"{base.meta.source} + events of {', '.join(sorted(traffic))} traffic",
        licence=base.meta.licence,
        part=base.meta.part,
        assumption=_assumption(base, priced.assumed, commission_rate),
        pseudonym_key_fingerprint=base.meta.pseudonym_key_fingerprint,
    )


def _without_known(rows: pd.DataFrame, base: Dataset) -> pd.DataFrame:
    ids = ["user_id", "event_id"]
    known = pd.MultiIndex.from_frame(base.events[ids])
    return rows[~pd.MultiIndex.from_frame(rows[ids]).isin(known)].reset_index(drop=True)


def _price(rows: pd.DataFrame, changes: pd.DataFrame, rate: float) -> _Priced:
    """Give each order its revenue: the newest word on it, cancelled and refunded ones nothing."""
    rows = rows.copy()
    is_order = rows["type"] == "order"
    last = changes.sort_values("occurred_at").drop_duplicates(["user_id", "order_id"], keep="last")
    said = rows[["user_id", "order_id"]].merge(last, on=["user_id", "order_id"], how="left")
    basket = said["basket_minor"].fillna(rows["basket_minor"]).astype("Float64")
    stated = said["platform_revenue_minor"].astype("Float64")
    is_void = said["change"].isin(["cancelled", "refunded"])
    stated = stated.mask(is_void & stated.isna(), 0.0)
    # a new basket without a new revenue makes the old revenue void
    old = rows["platform_revenue_minor"].astype("Float64").mask(said["basket_minor"].notna())
    stated = stated.fillna(old)
    is_assumed = is_order & stated.isna() & (rows["currency"] != _NO_CURRENCY)
    value = stated.fillna(basket * rate).round().astype("Int64")
    is_unknown = ~is_order | (rows["currency"] == _NO_CURRENCY)
    rows["value_minor"] = value.mask(is_unknown.to_numpy())
    rows["currency"] = rows["currency"].mask(is_unknown.to_numpy())
    return _Priced(rows, int(is_assumed.sum()))


def _require_one_currency(base: Dataset, rows: pd.DataFrame) -> None:
    names = {*(base.meta.currency or "").split(","), *rows["currency"].dropna()} - {""}
    if len(names) > 1:
        listing = ", ".join(sorted(names))
        msg = f"the archive's orders and the data set have several currencies: {listing}"
        raise InvalidDataset(
            msg,
            fields=(("currency", listing),),
            next_step="train on one currency at a time; there is no table of rates",
        )


def _assumption(base: Dataset, assumed: int, rate: float) -> str | None:
    sentences = [base.meta.assumption] if base.meta.assumption else []
    if assumed:
        sentences.append(f"The revenue of {assumed} orders is assumed: {rate:g} of the basket.")
    return " ".join(sentences) or None
