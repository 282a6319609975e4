"""What came of what was shown: clicks and orders joined to impressions, over files of any size.

All rows of a diner are brought together in parts that fit in memory (:mod:`maitred.archive.parts`),
each part is joined in arrays (:mod:`maitred.archive.joining`), and the outcomes are written as one
Parquet file. Equal archives give equal rows in equal order, however their files are cut.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from maitred.archive.joining import NO_CURRENCY, Match, Worth, flattened, matched, worth_of
from maitred.archive.parts import PART_BYTES, buckets_of, in_parts, parts_for
from maitred.archive.rows import SCHEMA
from maitred.archive.scan import bytes_of, reading, scan
from maitred.errors import Refused

__all__ = ["OUTCOMES", "Outcomes", "Rule", "attribute"]

_IMPRESSION: Final = (
    "user_id", "event_id", "traffic", "occurred_at", "request_id", "items",
    "model_version", "policy", "arm", "rung", "revenue_weight",
)  # fmt: skip
_DEED: Final = (
    "user_id", "event_id", "traffic", "type", "occurred_at", "request_id", "restaurant_id",
    "order_id", "change", "basket_minor", "platform_revenue_minor", "currency",
)  # fmt: skip
_OF_THE_LIST: Final = (
    "rank", "propensity", "model_version", "policy", "arm", "rung", "revenue_weight",
)  # fmt: skip
_DEED_KINDS: Final = frozenset({"click", "order", "order_changed"})
_UNPACKED: Final = 8
"""How much larger rows are in memory than in the files, at most as a rule."""

_LIST_FIELDS: Final = [SCHEMA.field(name) for name in _OF_THE_LIST[2:]]
OUTCOMES: Final = pa.schema(
    [
        pa.field("row", pa.string(), nullable=False),
        *(SCHEMA.field(name) for name in ("user_id", "traffic", "restaurant_id", "occurred_at")),
        *(SCHEMA.field(name) for name in ("event_id", "request_id")),
        pa.field("attributed", pa.string()),
        pa.field("impression_id", pa.string()),
        pa.field("impression_at", SCHEMA.field("occurred_at").type),
        pa.field("rank", pa.int32()),
        pa.field("propensity", pa.float64()),
        *_LIST_FIELDS,
        *(SCHEMA.field(name) for name in ("order_id", "change", "basket_minor")),
        pa.field("revenue_minor", pa.int64()),
        pa.field("currency", pa.string()),
        pa.field("assumed", pa.bool_()),
        pa.field("clicks", pa.int32()),
        pa.field("orders", pa.int32()),
    ]
)
"""One row per shown restaurant (``row`` is ``shown``) and one per ``click`` and ``order``."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What is joined, and how."""

    window: timedelta
    """How long after an impression an event that names no request may still belong to it."""
    commission_rate: float
    """Share of a basket that is assumed as revenue where nobody states one."""
    traffic: Collection[str]
    since: datetime | None = None
    """Outcomes of what was shown and done then or later; None: of everything."""


@dataclass(slots=True)
class Outcomes:
    """What an attribution found, counted."""

    counts: "Counter[str]" = field(default_factory=Counter)
    currencies: set[str] = field(default_factory=set)


def attribute(
    folder: Path,
    out: Path,
    rule: Rule,
    *,
    advance: Callable[[int], None] = lambda _: None,
    part_bytes: int = PART_BYTES,
) -> Outcomes:
    """Write the outcomes to ``out``, whole or not at all; ``advance`` is told of rows as they are read.

    Diners who did not consent are left out and counted. Rows wait beside ``out`` meanwhile.

    Raises:
        Refused: orders are in several currencies.
    """
    found = Outcomes()
    early = rule.since - rule.window if rule.since else None
    partial = out.with_name(out.name + ".partial")
    with reading(folder, traffic=rule.traffic, kinds=None) as files:
        used = [file for file in files if file.type in _DEED_KINDS | {"impression"}]
        parts = parts_for(bytes_of(folder, used) * _UNPACKED, part_bytes)

    def rows(
        kinds: Collection[str], columns: tuple[str, ...], since: datetime | None
    ) -> Iterator[pa.Table]:
        names = [*columns, "consent"]
        for piece in scan(folder, traffic=rule.traffic, kinds=kinds, since=since, columns=names):
            advance(len(piece))
            agreed = piece.filter(piece["consent"])
            found.counts["without_consent"] += len(piece) - len(agreed)
            yield agreed.select(list(columns))

    lists, deeds = (
        in_parts(rows(kinds, columns, since), _schema(columns), parts, out.parent)
        for kinds, columns, since in (
            ({"impression"}, _IMPRESSION, early),
            (_DEED_KINDS, _DEED, rule.since),
        )
    )
    try:
        with pq.ParquetWriter(partial, OUTCOMES, compression="zstd") as writer:
            for impressions, done in zip(lists, deeds, strict=True):
                writer.write_table(_outcomes(impressions, done, rule, found))
        _require_one_currency(found.currencies)
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
    return found


def _outcomes(impressions: pa.Table, done: pa.Table, rule: Rule, found: Outcomes) -> pa.Table:
    is_change = pc.equal(done["type"], "order_changed")
    deeds, changes = done.filter(pc.invert(is_change)), done.filter(is_change)
    shown = flattened(impressions)
    match = matched(shown, deeds, rule.window // timedelta(microseconds=1))
    worth = worth_of(deeds, changes, rule.commission_rate)
    rows = pa.concat_tables(
        [
            _shown_rows(shown, deeds, match, worth, rule.since),
            _deed_rows(shown, deeds, match, worth),
        ]
    )
    _count(found, rows, deeds)
    rows = rows.append_column("bucket", pa.array(buckets_of(rows["user_id"])))
    keys = ("bucket", "user_id", "occurred_at", "row", "event_id", "rank", "restaurant_id")
    return rows.sort_by([(key, "ascending") for key in keys]).select(OUTCOMES.names)


def _deed_rows(shown: pa.Table, deeds: pa.Table, match: Match, worth: Worth) -> pa.Table:
    led = shown.take(pa.array(match.place, mask=match.place < 0))
    how = np.where(match.by_request, "request", "window").astype(object)
    columns: dict[str, Any] = {name: deeds[name] for name in
                               ("user_id", "traffic", "restaurant_id", "occurred_at", "event_id",
                                "request_id", "order_id", "currency")}  # fmt: skip
    columns |= {name: led[name] for name in _OF_THE_LIST}
    columns |= {
        "row": deeds["type"],
        "attributed": pa.array(how, pa.string(), mask=match.place < 0),
        "impression_id": led["event_id"],
        "impression_at": led["occurred_at"],
        "change": worth.change,
        "basket_minor": _whole(worth.basket),
        "revenue_minor": _whole(worth.revenue),
        "assumed": pa.array(worth.is_assumed, mask=np.isnan(worth.revenue)),
    }
    return _table(columns, len(deeds))


def _shown_rows(
    shown: pa.Table, deeds: pa.Table, match: Match, worth: Worth, since: datetime | None
) -> pa.Table:
    is_led = match.place >= 0
    is_order = np.array(pc.equal(deeds["type"], "order")) & is_led

    def summed(which: Any, of: Any = None) -> Any:  # noqa: ANN401 - arrays
        weights = None if of is None else np.nan_to_num(of[which])
        return np.bincount(match.place[which], weights, minlength=len(shown))

    is_priced = is_order & ~np.isnan(worth.revenue)
    orders, priced = summed(is_order), summed(is_priced)
    assumed = summed(is_order & worth.is_assumed)
    none = pa.array(priced == 0)
    columns: dict[str, Any] = {name: shown[name] for name in
                               ("user_id", "traffic", "restaurant_id", "occurred_at", "event_id",
                                "request_id", *_OF_THE_LIST)}  # fmt: skip
    columns |= {
        "row": pa.array(["shown"] * len(shown), pa.string()),
        "impression_id": shown["event_id"],
        "impression_at": shown["occurred_at"],
        "clicks": pa.array(summed(is_led & ~is_order), pa.int32()),
        "orders": pa.array(orders, pa.int32()),
        "assumed": pa.array(assumed > 0, mask=priced == 0),
    }
    for name, of in (("basket_minor", worth.basket), ("revenue_minor", worth.revenue)):
        columns[name] = _whole(np.where(none, np.nan, summed(is_order, of)))
    columns["currency"] = _currency_of(deeds, match.place, priced, is_priced)
    rows = _table(columns, len(shown))
    return rows if since is None else rows.filter(pc.greater_equal(rows["occurred_at"], since))


def _currency_of(deeds: pa.Table, place: Any, priced: Any, is_priced: Any) -> pa.Array:  # noqa: ANN401
    """Return the currency of the orders that a shown row led to: there is one in all."""
    of = np.zeros(len(priced), np.int64)
    of[place[is_priced]] = np.flatnonzero(is_priced)
    found: pa.Array = deeds["currency"].take(pa.array(of, mask=priced == 0)).combine_chunks()
    return found


def _count(found: Outcomes, rows: pa.Table, deeds: pa.Table) -> None:
    shown = rows.filter(pc.equal(rows["row"], "shown"))
    found.counts["impressions"] += len(pc.unique(pc.binary_join_element_wise(
        shown["user_id"], shown["event_id"], "\0")))  # fmt: skip
    found.counts["shown"] += len(shown)
    done = rows.filter(pc.not_equal(rows["row"], "shown"))
    told = done.group_by(["row", "attributed"]).aggregate([([], "count_all")]).to_pylist()
    for group in told:
        how = f"by_{group['attributed']}" if group["attributed"] else "unattributed"
        found.counts[f"{group['row']}s"] += group["count_all"]
        found.counts[f"{group['row']}s_{how}"] += group["count_all"]
    found.counts["changed"] += len(done) - done["change"].null_count
    found.counts["assumed"] += pc.sum(pc.cast(done["assumed"], pa.int64())).as_py() or 0
    named = set(pc.unique(deeds["currency"]).to_pylist())
    found.currencies |= {name for name in named if name and name != NO_CURRENCY}


def _require_one_currency(names: set[str]) -> None:
    if len(names) > 1:
        listing = ", ".join(sorted(names))
        msg = f"the archive's orders are in several currencies: {listing}"
        step = "attribute one currency's traffic at a time; there is no table of rates"
        raise Refused(msg, next_step=step, fields=(("currency", listing),))


def _schema(columns: tuple[str, ...]) -> pa.Schema:
    return pa.schema([SCHEMA.field(name) for name in columns])


def _whole(values: Any) -> pa.Array:  # noqa: ANN401 - floats
    return pa.array(np.nan_to_num(values).astype(np.int64), mask=np.isnan(values))


def _table(columns: dict[str, Any], rows: int) -> pa.Table:
    return pa.table(
        [
            columns[f.name].cast(f.type) if f.name in columns else pa.nulls(rows, f.type)
            for f in OUTCOMES
        ],
        schema=OUTCOMES,
    )
