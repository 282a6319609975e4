"""More rows than fit in memory, in parts that do: all rows of a diner are in one part.

Parts follow the diners' buckets (:func:`maitred.ids.bucket`) in ascending order, so that whoever
goes through them in order and sorts each by bucket first gets one order, whatever their number.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from maitred.ids import BUCKETS, bucket

__all__ = ["PART_BYTES", "buckets_of", "in_parts", "parts_for"]

_TOGETHER_BYTES: Final = 32 * 1024 * 1024
"""Bytes of rows that are divided at once."""
PART_BYTES: Final = 64 * 1024 * 1024
"""Bytes in memory that a part is to have."""


def parts_for(room: int, part_bytes: int = PART_BYTES) -> int:
    """Return into how many parts rows of this many bytes in memory are divided: 1 to 256."""
    return min(BUCKETS, 1 + room // part_bytes)


def in_parts(
    pieces: Iterable[pa.Table], schema: pa.Schema, parts: int, home: Path | None = None
) -> Iterator[pa.Table]:
    """Yield the rows of each part as a table; they wait in ``home`` (None: where temporary files go).

    Their file has no name, so that nothing of it is left behind, whatever ends us. ``pieces`` have a
    column ``user_id`` and are read to their end before the first part comes.
    """
    if parts == 1:
        yield pa.concat_tables([schema.empty_table(), *pieces])
        return
    with TemporaryFile(dir=home) as waiting:
        places: list[list[tuple[int, int]]] = [[] for _ in range(parts)]
        for piece in _together(pieces):
            for number, rows in _divided(piece, parts):
                packed = _packed(rows)
                places[number].append((waiting.tell(), packed.size))
                waiting.write(packed)
        for some in places:
            yield pa.concat_tables([schema.empty_table(), *_unpacked(waiting, some)])


def _packed(rows: pa.Table) -> pa.Buffer:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as stream:
        stream.write_table(rows)
    return sink.getvalue()


def _unpacked(waiting: BinaryIO, places: Iterable[tuple[int, int]]) -> Iterator[pa.Table]:
    for offset, size in places:
        waiting.seek(offset)
        with pa.ipc.open_stream(waiting.read(size)) as stream:
            yield stream.read_all()


def buckets_of(users: pa.ChunkedArray) -> NDArray[np.int64]:
    """Return the bucket of each row's diner."""
    encoded: Any = users.combine_chunks().dictionary_encode()
    numbers = [bucket(user) for user in encoded.dictionary.to_pylist()]
    found: NDArray[np.int64] = np.array(numbers, np.int64)[encoded.indices.to_numpy()]
    return found


def _divided(piece: pa.Table, parts: int) -> Iterator[tuple[int, pa.Table]]:
    number = buckets_of(piece["user_id"]) * parts // BUCKETS
    order = np.argsort(number, kind="stable")
    rows = piece.take(pa.array(order))
    ends = np.searchsorted(number[order], np.arange(parts + 1))
    for part in range(parts):
        start, end = int(ends[part]), int(ends[part + 1])
        if end > start:
            yield part, rows.slice(start, end - start)


def _together(pieces: Iterable[pa.Table]) -> Iterator[pa.Table]:
    waiting: list[pa.Table] = []
    room = 0
    for piece in pieces:
        waiting.append(piece)
        room += piece.nbytes
        if room >= _TOGETHER_BYTES:
            yield pa.concat_tables(waiting)
            waiting, room = [], 0
    if waiting:
        yield pa.concat_tables(waiting)
