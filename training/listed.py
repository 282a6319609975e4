"""Lists that were made, and how they are written: lines for people, columns for machines."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

__all__ = ["Block", "List", "writing"]

Write = Callable[["Block"], None]

_ITEM = pa.struct([("restaurant_id", pa.string()), ("rank", pa.int64()), ("score", pa.float64())])
_SCHEMA = pa.schema([("user_id", pa.string()), ("rung", pa.string()), ("items", pa.list_(_ITEM))])
_ROWS_A_GROUP = 65_536


@dataclass(frozen=True, slots=True, eq=False)
class List:
    """One diner's list: catalogue rows and scores, best first."""

    rung: str
    rows: NDArray[np.intp]
    scores: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Several lists end to end: that of diner b is ``cuts[b]:cuts[b + 1]``."""

    users: Sequence[str]
    rungs: Sequence[str]
    cuts: NDArray[np.int64]
    rows: NDArray[np.intp]
    scores: NDArray[np.float64]

    @classmethod
    def of(cls, users: Sequence[str], lists: Sequence[List]) -> "Block":
        """Put lists end to end."""
        cuts = np.zeros(len(lists) + 1, dtype=np.int64)
        np.cumsum([one.rows.size for one in lists], out=cuts[1:])
        return cls(
            users,
            [one.rung for one in lists],
            cuts,
            np.concatenate([one.rows for one in lists]),
            np.concatenate([one.scores for one in lists]),
        )


@contextmanager
def writing(out: Path | None, ids: Sequence[str]) -> Iterator[Write]:
    """Yield what writes blocks to a file, which appears when all is written; None: standard output."""
    if out is None:
        yield lambda block: _print(sys.stdout, block, ids)
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(out.name + ".partial")
    try:
        with _parquet(partial, ids) if out.suffix == ".parquet" else _lines(partial, ids) as write:
            yield write
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _lines(file: Path, ids: Sequence[str]) -> Iterator[Write]:
    with file.open("w", encoding="utf-8") as lines:
        yield lambda block: _print(lines, block, ids)


def _print(lines: IO[str], block: Block, ids: Sequence[str]) -> None:
    rows, scores, cuts = block.rows.tolist(), block.scores.tolist(), block.cuts.tolist()
    for at, (user, rung) in enumerate(zip(block.users, block.rungs, strict=True)):
        first = cuts[at]
        items = [
            {"restaurant_id": ids[rows[i]], "rank": i - first + 1, "score": scores[i]}
            for i in range(first, cuts[at + 1])
        ]
        line = orjson.dumps({"user_id": user, "rung": rung, "items": items})
        lines.write(line.decode() + "\n")


@contextmanager
def _parquet(file: Path, ids: Sequence[str]) -> Iterator[Write]:
    """Write columns; no Python object is made of an item."""
    names = pa.array(list(ids), pa.string())
    waiting: list[pa.RecordBatch] = []

    with pq.ParquetWriter(file, _SCHEMA) as writer:

        def flush() -> None:
            if waiting:
                writer.write_table(pa.Table.from_batches(waiting, _SCHEMA))
                waiting.clear()

        def write(block: Block) -> None:
            waiting.append(_batch(block, names))
            if sum(batch.num_rows for batch in waiting) >= _ROWS_A_GROUP:
                flush()

        yield write
        flush()


def _batch(block: Block, names: pa.Array) -> pa.RecordBatch:
    sizes = np.diff(block.cuts)
    ranks = np.arange(block.rows.size) - np.repeat(block.cuts[:-1], sizes) + 1
    items = pa.StructArray.from_arrays(
        [names.take(pa.array(block.rows)), pa.array(ranks), pa.array(block.scores)],
        fields=list(_ITEM),
    )
    lists = pa.ListArray.from_arrays(pa.array(block.cuts.astype(np.int32)), items)
    return pa.RecordBatch.from_arrays(
        [pa.array(block.users, pa.string()), pa.array(block.rungs, pa.string()), lists],
        schema=_SCHEMA,
    )
