"""One event as one row: the archive's columns. Every kind of event shares one schema."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import pyarrow as pa

from maitred.events import Event

__all__ = ["SCHEMA", "Arrival", "table_of"]

_MOMENT = pa.timestamp("us", tz="UTC")
_SHOWN = pa.struct(
    [("restaurant_id", pa.string()), ("rank", pa.int32()), ("propensity", pa.float64())]
)
_POOL = pa.struct(
    [("restaurant_id", pa.string()), ("log_p", pa.float64()), ("log_v", pa.float64())]
)
_SEED_MASK: Final = 2**64 - 1

SCHEMA: Final = pa.schema(
    [
        pa.field("event_id", pa.string(), nullable=False),
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("type", pa.string(), nullable=False),
        pa.field("traffic", pa.string(), nullable=False),
        pa.field("occurred_at", _MOMENT, nullable=False),
        pa.field("archived_at", _MOMENT, nullable=False),
        pa.field("consent", pa.bool_(), nullable=False),
        pa.field("schema_version", pa.int32(), nullable=False),
        pa.field("request_id", pa.string()),
        pa.field("restaurant_id", pa.string()),
        pa.field("order_id", pa.string()),
        pa.field("change", pa.string()),
        pa.field("basket_minor", pa.int64()),
        pa.field("platform_revenue_minor", pa.int64()),
        pa.field("currency", pa.string()),
        pa.field("ranks", pa.list_(pa.int32())),
        pa.field("items", pa.list_(_SHOWN)),
        pa.field("pool", pa.list_(_POOL)),
        pa.field("model_version", pa.string()),
        pa.field("policy", pa.string()),
        pa.field("arm", pa.string()),
        pa.field("rung", pa.string()),
        pa.field("revenue_weight", pa.float64()),
        pa.field("temperature", pa.float64()),
        pa.field("seed", pa.uint64()),
        pa.field("log_partition", pa.int32(), nullable=False),
        pa.field("log_offset", pa.int64(), nullable=False),
    ]
)
"""Fields of :mod:`maitred.events`, when it was archived, and where it stood in the log."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event and its place in the log."""

    event: Event
    partition: int
    offset: int


def table_of(arrivals: Iterable[Arrival], archived_at: datetime) -> pa.Table:
    """Return the events as rows, in the order given."""
    rows = []
    for arrival in arrivals:
        row = arrival.event.model_dump()
        if "seed" in row:
            row["seed"] &= _SEED_MASK
        row["traffic"] = str(row["traffic"])
        row["archived_at"] = archived_at
        row["log_partition"] = arrival.partition
        row["log_offset"] = arrival.offset
        rows.append(row)
    return pa.Table.from_pylist(rows, schema=SCHEMA)
