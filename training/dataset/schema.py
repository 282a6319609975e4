"""The columns of a data set folder: names, types and the one order that rows are kept in.

Only shapes live here. Reading foreign files is `sources`, the folder itself is `folder`.
"""

import hashlib
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from maitred.errors import InvalidDataset

__all__ = [
    "EVENTS",
    "EVENT_TYPES",
    "RESTAURANTS",
    "USERS",
    "conform",
    "digest",
    "empty",
    "frame_of",
    "in_canonical_order",
    "table_of",
]

EVENT_TYPES: Final = ("seen", "click", "order", "dismiss")
"""What a row of events may be. An ``order`` is a choice; everything else is attention."""

_MOMENT = pa.timestamp("us", tz="UTC")
_TEXTS = pa.list_(pa.string())

EVENTS: Final = pa.schema(
    [
        pa.field("event_id", pa.string(), nullable=False),
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("restaurant_id", pa.string(), nullable=False),
        pa.field("type", pa.string(), nullable=False),
        pa.field("occurred_at", _MOMENT, nullable=False),
        pa.field("value_minor", pa.int64()),
        pa.field("currency", pa.string()),
        pa.field("weight", pa.float64()),
        pa.field("request_id", pa.string()),
        pa.field("rank", pa.int64()),
        pa.field("propensity", pa.float64()),
        pa.field("lat", pa.float64()),
        pa.field("lon", pa.float64()),
    ]
)
"""One row per thing a diner did; ``value_minor`` in minor units of ``currency``."""

RESTAURANTS: Final = pa.schema(
    [
        pa.field("restaurant_id", pa.string(), nullable=False),
        pa.field("name", pa.string()),
        pa.field("lat", pa.float64()),
        pa.field("lon", pa.float64()),
        pa.field("cuisines", _TEXTS),
        pa.field("price_level", pa.int64()),
        pa.field("avg_value_minor", pa.int64()),
        pa.field("commission_rate", pa.float64()),
        pa.field("hours", _TEXTS),
        pa.field("timezone", pa.string()),
        pa.field("attributes", _TEXTS),
        pa.field("text", pa.string()),
        pa.field("delivery_km", pa.float64()),
    ]
)
"""One row per restaurant; ``hours`` in the form of :func:`maitred.catalogue.parse_hours`."""

USERS: Final = pa.schema(
    [
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("lat", pa.float64()),
        pa.field("lon", pa.float64()),
        pa.field("region", pa.string()),
        pa.field("attributes", _TEXTS),
        pa.field("sensitive", _TEXTS),
    ]
)
"""One row per diner; ``attributes`` and ``sensitive`` hold ``column=value`` texts. What is
``sensitive`` is for audits of fairness and never becomes a feature."""

_LATER: Final = frozenset({"delivery_km"})
"""Columns that older folders have not. Where nothing is known they leave no trace in a digest, so
a data set without them is the one that it was before there were any."""

_WHOLE: Final = {pa.int64(): pd.Int64Dtype()}

_KEYS: Final[dict[str, tuple[str, ...]]] = {
    "event_id": ("occurred_at", "event_id", "user_id", "restaurant_id", "type"),
    "restaurant_id": ("restaurant_id",),
    "user_id": ("user_id",),
}


def table_of(frame: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    """Return the frame as an Arrow table of exactly this schema; absent columns become null.

    Raises:
        InvalidDataset: naming the column whose values do not fit, or a required one not there.
    """
    columns = []
    for field in schema:
        if field.name not in frame.columns:
            columns.append(pa.nulls(len(frame), field.type))
            continue
        try:
            column = pa.array(frame[field.name], type=field.type, from_pandas=True)
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
            msg = f"column '{field.name}' does not hold {field.type} values: {error}"
            raise InvalidDataset(msg, fields=((field.name, str(error)),)) from error
        columns.append(column)
    return pa.table(columns, names=schema.names)


def conform(table: pa.Table, schema: pa.Schema, where: str) -> pa.Table:
    """Return the table cast to ``schema``, its columns in order; ``where`` names it in errors.

    Columns that came later are null where a folder is from before.

    Raises:
        InvalidDataset: naming the column that is missing, of another type, or null where it may
            not be.
    """
    for name in _LATER.intersection(schema.names).difference(table.column_names):
        table = table.append_column(name, pa.nulls(len(table), schema.field(name).type))
    missing = [name for name in schema.names if name not in table.column_names]
    if missing:
        msg = (
            f"{where} lacks the column(s) {', '.join(missing)}; "
            f"it has {', '.join(table.column_names)}"
        )
        raise InvalidDataset(msg, fields=tuple((name, "missing") for name in missing))
    columns = []
    for field in schema:
        try:
            column = table[field.name].cast(field.type)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            msg = f"column '{field.name}' of {where} is not {field.type}: {error}"
            raise InvalidDataset(msg, fields=((field.name, str(error)),)) from error
        if not field.nullable and column.null_count:
            msg = f"column '{field.name}' of {where} is empty in {column.null_count} row(s)"
            raise InvalidDataset(msg, fields=((field.name, msg),))
        columns.append(column)
    return pa.table(columns, names=schema.names)


def in_canonical_order(table: pa.Table) -> pa.Table:
    """Return the rows in the one order that every folder keeps: events by time, then by id."""
    keys = _KEYS[table.column_names[0]]
    rest = [f.name for f in table.schema if f.name not in keys and not pa.types.is_list(f.type)]
    order = [(key, "ascending") for key in keys]
    if pc.count_distinct(table[keys[0] if len(keys) == 1 else keys[1]]).as_py() < len(table):
        order += [(name, "ascending") for name in rest]  # ids that repeat: break ties by content
    return table.take(pc.sort_indices(table, sort_keys=order)).combine_chunks()


def frame_of(table: pa.Table) -> pd.DataFrame:
    """Return the table as a frame: texts ``str``, whole numbers ``Int64``, lists as tuples."""
    columns: dict[str, pd.Series] = {}
    for name in table.column_names:
        column = table[name]
        if pa.types.is_integer(column.type):
            series = column.to_pandas(types_mapper=_WHOLE.get)
        elif pa.types.is_list(column.type):
            rows = [() if row is None else tuple(row) for row in column.to_pylist()]
            series = pd.Series(rows, dtype=object)
        elif pa.types.is_string(column.type):
            series = column.to_pandas().astype("str")
        else:
            series = column.to_pandas()
        columns[name] = series
    return pd.DataFrame(columns, index=pd.RangeIndex(len(table)))


def empty(schema: pa.Schema) -> pd.DataFrame:
    """Return a frame of this schema without rows."""
    return frame_of(schema.empty_table())


def digest(*tables: pa.Table | None) -> str:
    """Return the sha256 of what the tables hold; their rows must be in canonical order.

    Equal values give equal digests on every machine: nulls, NaN, chunking and dictionary
    encoding make no difference.
    """
    sha = hashlib.sha256(b"maitred-dataset-1")
    for table in tables:
        sha.update(b"-" if table is None else f"{len(table)}".encode())
        if table is None:
            continue
        for name in table.column_names:
            if name in _LATER and not pc.any(pc.is_finite(table[name])).as_py():
                continue
            sha.update(name.encode())
            _digest_column(sha, table[name].combine_chunks())
    return sha.hexdigest()


def _digest_column(sha: "hashlib._Hash", column: pa.Array) -> None:
    if isinstance(column, pa.ChunkedArray):  # a table without rows keeps no chunk
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.nulls(0, column.type)
    if pa.types.is_list(column.type):
        lengths = pc.fill_null(pc.list_value_length(column), 0)
        sha.update(lengths.to_numpy(zero_copy_only=False).astype("<i8").tobytes())
        _digest_column(sha, column.flatten())
        return
    if pa.types.is_floating(column.type):
        values = column.to_numpy(zero_copy_only=False).astype("<f8")
        values = np.where(np.isnan(values), np.nan, values + 0.0)  # one NaN, one zero
        sha.update(values.tobytes())
        return
    sha.update(column.is_valid().to_numpy(zero_copy_only=False).tobytes())
    if pa.types.is_string(column.type):
        filled = pc.fill_null(column, "")
        lengths = pc.binary_length(filled).to_numpy(zero_copy_only=False)
        sha.update(lengths.astype("<i8").tobytes())
        sha.update("".join(filled.to_pylist()).encode())
        return
    whole = pc.fill_null(column.cast(pa.int64()), 0)
    sha.update(whole.to_numpy(zero_copy_only=False).astype("<i8").tobytes())
