"""Reading the archive a batch of rows at a time: for what is larger than memory."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from maitred.archive.ledger import LEDGER, Ledger, path_of
from maitred.archive.reader import LIVE, files

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

__all__ = ["batches", "reached"]

_TRIES: Final = 5
_ROWS: Final = 65_536
_Folder = tuple[str, str, str]
"""Type, traffic and day: rows never leave the folder that they were archived in."""


def reached(folder: Path, topic: str) -> Mapping[int, int]:
    """Return up to where the archive has read a topic, by partition; nothing where there is none."""
    if not (folder / LEDGER).exists():
        return {}
    ledger = Ledger(folder, read_only=True)
    try:
        return ledger.offsets(topic)
    finally:
        ledger.close()


def batches(
    folder: Path,
    columns: list[str],
    *,
    traffic: Collection[str] | None = LIVE,
    kinds: Collection[str] | None = None,
    since: datetime | None = None,
) -> "Iterator[pa.RecordBatch]":
    """Yield these columns of the events that occurred at ``since`` or later, in no order.

    Every row that is archived when this begins comes once, unless it is erased meanwhile; what is
    archived later may come. Files that are merged meanwhile are neither missed nor seen twice.
    """
    import pyarrow as pa  # noqa: PLC0415 - programs that only count never load it
    import pyarrow.compute as pc  # noqa: PLC0415

    wanted = list(dict.fromkeys([*columns, "occurred_at"]))
    found = files(folder, traffic=traffic, kinds=kinds)
    for place in sorted({(file.type, file.traffic, file.date) for file in found}):
        with ExitStack() as stack:
            for file in _opened(folder, place, stack):
                for batch in file.iter_batches(_ROWS, columns=wanted):
                    some = batch
                    if since is not None:
                        late = pc.greater_equal(batch.column("occurred_at"), pa.scalar(since))
                        some = batch.filter(late)
                    if some.num_rows:
                        yield some.select(columns)


def _opened(folder: Path, place: _Folder, stack: ExitStack) -> "list[pq.ParquetFile]":
    """Open all files of a place at once: what is open is read whole, whatever becomes of its name."""
    import pyarrow.parquet as pq  # noqa: PLC0415

    for attempt in range(_TRIES):
        with ExitStack() as tried:
            some = [
                file
                for file in files(folder, traffic=(place[1],), kinds=(place[0],))
                if file.date == place[2]
            ]
            try:
                opened = [tried.enter_context(pq.ParquetFile(path_of(folder, f))) for f in some]
            except FileNotFoundError:  # merged since we looked
                if attempt == _TRIES - 1:
                    raise
                continue
            stack.push(tried.pop_all())
            return opened
    return []
