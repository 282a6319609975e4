"""One event as one row: the archive's columns. Every kind of event shares one schema.

An event is taken apart as soon as it is read: what waits for the flush are plain values, texts and
packed numbers. Kept as models, a second of impressions is fifty thousand objects that the garbage
collector walks again and again: that was more than half of the archiver's time.
"""

import hashlib
from array import array
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import accumulate, chain
from typing import Any, Final, NamedTuple

import pyarrow as pa

from maitred.events import Event, encode

__all__ = ["SCHEMA", "Arrival", "id_of", "table_of"]

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


_PLAIN: Final = tuple(
    field.name
    for field in SCHEMA
    if not pa.types.is_list(field.type)
    and field.name not in {"archived_at", "log_partition", "log_offset"}
)
"""Columns that are fields of the event, as they are."""


def id_of(user_id: str, event_id: str) -> bytes:
    """Return the digest by which an event is known: 16 bytes."""
    return hashlib.blake2b(f"{user_id}\0{event_id}".encode(), digest_size=16).digest()


class Arrival(NamedTuple):
    """An event taken apart, its place in the log, and how it is told from others."""

    user_id: str
    event_id: str
    type: str
    traffic: str
    occurred_at: datetime
    """When it happened, by the sender's clock."""
    partition: int
    offset: int
    id: bytes
    """Digest of user id and event id."""
    body: bytes
    """Digest of the event in its only form: whatever order, spacing or defaults it came with."""
    plain: tuple[object, ...]
    """Values of the plain columns."""
    ranks: "array[int] | None"
    items: "tuple[list[str], array[int], array[float]] | None"
    pool: "tuple[list[str], array[float], array[float]] | None"

    @classmethod
    def of(cls, event: Event, partition: int, offset: int) -> "Arrival":
        """Take an event apart; nothing of the event itself is kept."""
        fields = event.__dict__
        if "seed" in fields:
            fields = dict(fields, seed=fields["seed"] & _SEED_MASK)
        items, pool, ranks = fields.get("items"), fields.get("pool"), fields.get("ranks")
        return cls(
            event.user_id,
            event.event_id,
            event.type,
            event.traffic.value,
            event.occurred_at,
            partition,
            offset,
            id_of(event.user_id, event.event_id),
            hashlib.blake2b(encode(event), digest_size=12).digest(),
            tuple(map(fields.get, _PLAIN)),
            None if ranks is None else array("i", ranks),
            None if items is None else (
                [item.restaurant_id for item in items],
                array("i", [item.rank for item in items]),
                array("d", [item.propensity for item in items]),
            ),
            None if pool is None else (
                [item.restaurant_id for item in pool],
                array("d", [item.log_p for item in pool]),
                array("d", [item.log_v for item in pool]),
            ),
        )  # fmt: skip


def table_of(arrivals: Sequence[Arrival], archived_at: datetime) -> pa.Table:
    """Return the events as rows, in the order given."""
    plain = dict(zip(_PLAIN, zip(*(a.plain for a in arrivals), strict=True), strict=True))
    count = len(arrivals)
    made = {
        "archived_at": pa.repeat(pa.scalar(archived_at, _MOMENT), count),
        "log_partition": pa.array([a.partition for a in arrivals], pa.int32()),
        "log_offset": pa.array([a.offset for a in arrivals], pa.int64()),
        "ranks": _lists([a.ranks for a in arrivals], len, _numbers(pa.int32())),
        "items": _structs([a.items for a in arrivals], _SHOWN),
        "pool": _structs([a.pool for a in arrivals], _POOL),
    }
    return pa.table(
        [
            made[field.name] if field.name in made else _column(plain[field.name], field.type)
            for field in SCHEMA
        ],
        schema=SCHEMA,
    )


def _column(values: tuple[object, ...], kind: pa.DataType) -> pa.Array:
    """Return values as a column; half of them hold nothing in events of one type."""
    count = len(values)
    return pa.nulls(count, kind) if values.count(None) == count else pa.array(values, kind)


def _structs(rows: Sequence[tuple[Any, ...] | None], kind: pa.StructType) -> pa.Array:
    """Return lists of structs, each row given as its columns: names, numbers, numbers."""

    def flat(found: list[tuple[Any, ...]]) -> pa.Array:
        names, *numbers = zip(*found, strict=True) if found else ((), (), ())
        columns = [pa.array(list(chain.from_iterable(names)), pa.string())]
        columns += [
            _numbers(kind.field(place).type)(list(part)) for place, part in enumerate(numbers, 1)
        ]
        return pa.StructArray.from_arrays(columns, fields=list(kind))

    return _lists(rows, lambda row: len(row[0]), flat)


def _lists(
    rows: Sequence[Any], length: Callable[[Any], int], flat: Callable[[list[Any]], pa.Array]
) -> pa.Array:
    """Return one list a row, null where the row is None, over the values of all of them."""
    lengths = [0 if row is None else length(row) for row in rows]
    ends: list[int | None] = [0, *accumulate(lengths)]
    offsets = [None if row is None else ends[at] for at, row in enumerate(rows)] + [ends[-1]]
    return pa.ListArray.from_arrays(
        pa.array(offsets, pa.int32()), flat([row for row in rows if row is not None])
    )


def _numbers(kind: pa.DataType) -> "Callable[[list[array[Any]]], pa.Array]":
    """Return what puts packed numbers behind each other without touching any."""

    def flat(parts: "list[array[Any]]") -> pa.Array:
        raw = b"".join(parts)
        return pa.Array.from_buffers(
            kind, len(raw) // (kind.bit_width // 8), [None, pa.py_buffer(raw)]
        )

    return flat
