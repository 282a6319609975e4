"""Reading the archive's files piece by piece, whatever their number and size, and whoever writes.

A reader holds a lock for as long as it reads: the writer replaces files meanwhile, and removes the
old ones when no reader holds them any more. Columns are those of today: a file from before a column
was there reads as nulls, one with columns that are not known here is read without them.
"""

import fcntl
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from maitred.archive.ledger import LEDGER, ArchivedFile, Ledger, path_of
from maitred.archive.rows import SCHEMA
from maitred.errors import Refused

__all__ = ["READERS", "bytes_of", "pieces", "reading", "scan"]

READERS: Final = "readers.lock"
_ROWS: Final = 8_192
"""Rows of a piece: 16 MB of impressions in memory."""


@contextmanager
def reading(
    folder: Path, *, traffic: Collection[str] | None, kinds: Collection[str] | None
) -> Iterator[list[ArchivedFile]]:
    """Yield the files that count, of these traffic kinds and types; they stay until the end."""
    if not (folder / LEDGER).exists():
        yield []
        return
    with _held(folder / READERS):
        ledger = Ledger(folder, read_only=True)
        try:
            found = ledger.files()
        finally:
            ledger.close()
        yield [
            file
            for file in found
            if (traffic is None or file.traffic in traffic)
            and (kinds is None or file.type in kinds)
        ]


@contextmanager
def _held(file: Path) -> Iterator[None]:
    try:
        handle = os.open(file, os.O_RDONLY)
    except FileNotFoundError:  # no writer of this version has been here
        yield
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_SH)
        yield
    finally:
        os.close(handle)


def scan(
    folder: Path,
    *,
    traffic: Collection[str] | None,
    kinds: Collection[str] | None = None,
    since: datetime | None = None,
    columns: Sequence[str] | None = None,
) -> Iterator[pa.Table]:
    """Yield the events that occurred at ``since`` or later, a few thousand at a time.

    Columns of :data:`~maitred.archive.rows.SCHEMA`, all or ``columns``, in that order; files in the
    order they were written. Consistent: what is merged meanwhile is neither seen twice nor missed.
    """
    wanted = list(SCHEMA.names if columns is None else columns)
    read = list(dict.fromkeys([*wanted, "occurred_at"])) if since else wanted
    with reading(folder, traffic=traffic, kinds=kinds) as files:
        for file in files:
            for piece in pieces(_place(folder, file), read):
                found = piece
                if since is not None:
                    found = found.filter(pc.greater_equal(piece["occurred_at"], pa.scalar(since)))
                yield found.select(wanted)


def pieces(file: Path, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """Yield one file's rows in columns of today, a few thousand at a time.

    Raises:
        Refused: it lacks a column that every event has, or holds another type in one.
    """
    schema = SCHEMA if columns is None else pa.schema([SCHEMA.field(name) for name in columns])
    with pq.ParquetFile(file) as opened:
        there = set(opened.schema_arrow.names)
        for field in schema:
            if field.name not in there and not field.nullable:
                raise _foreign(file, field.name, "is missing")
        names = [name for name in schema.names if name in there]
        for batch in opened.iter_batches(batch_size=_ROWS, columns=names, use_threads=False):
            yield _conform(batch, schema, file)


def bytes_of(folder: Path, files: Sequence[ArchivedFile]) -> int:
    """Return the size of these files together."""
    return sum(_place(folder, file).stat().st_size for file in files)


def _place(folder: Path, file: ArchivedFile) -> Path:
    place = path_of(folder, file)
    return place if place.exists() else folder / file.path  # moved between two looks


def _conform(batch: pa.RecordBatch, schema: pa.Schema, file: Path) -> pa.Table:
    columns: list[Any] = []
    for field in schema:
        if field.name not in batch.schema.names:
            columns.append(pa.nulls(len(batch), field.type))
            continue
        column = batch.column(field.name)
        try:
            columns.append(column if column.type == field.type else column.cast(field.type))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise _foreign(file, field.name, f"is not {field.type}: {error}") from error
    return pa.table(columns, schema=schema)


def _foreign(file: Path, column: str, fault: str) -> Refused:
    msg = f"{file}: column {column} {fault}"
    step = "it was not written by this archiver: see docs/runbook.md, rebuild the archive"
    return Refused(msg, next_step=step, fields=((column, fault),))
