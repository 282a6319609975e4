"""Reading the archive, while it is being written too: only files that the ledger names count."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from maitred.archive.ledger import LEDGER, ArchivedFile, Ledger, path_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["LIVE", "Census", "census", "count", "files", "table", "where_are"]

_TRIES: Final = 5
LIVE: Final = frozenset({"live"})
"""What is read unless other kinds of traffic are named."""


@dataclass(frozen=True, slots=True)
class Census:
    """What an archive holds, counted by event id."""

    archived: int
    """Distinct (user id, event id)."""
    rows: int
    by_kind: dict[str, int]
    """Rows by ``type/traffic``."""
    left_out: dict[str, int]
    """What was read from the log and not archived: duplicates, conflicts, undecodable."""

    @property
    def repeated(self) -> int:
        """Rows beyond one per id; anything but 0 is a defect."""
        return self.rows - self.archived


def files(
    folder: Path,
    *,
    traffic: Collection[str] | None = LIVE,
    kinds: Collection[str] | None = None,
) -> list[ArchivedFile]:
    """Return the files that count, of these traffic kinds and event types (None: all).

    An archive that nobody has written yet has none.
    """
    if not (folder / LEDGER).exists():
        return []
    ledger = Ledger(folder, read_only=True)
    try:
        found = ledger.files()
    finally:
        ledger.close()
    return [
        file
        for file in found
        if (traffic is None or file.traffic in traffic) and (kinds is None or file.type in kinds)
    ]


def count(
    folder: Path,
    *,
    traffic: Collection[str] | None = LIVE,
    kinds: Collection[str] | None = None,
) -> int:
    """Return how many events there are, from the ledger alone."""
    return sum(file.rows for file in files(folder, traffic=traffic, kinds=kinds))


def table(
    folder: Path,
    *,
    traffic: Collection[str] | None = LIVE,
    kinds: Collection[str] | None = None,
    since: datetime | None = None,
    columns: list[str] | None = None,
) -> "pa.Table":
    """Return events of these traffic kinds and types that occurred at ``since`` or later.

    Columns of :data:`~maitred.archive.rows.SCHEMA`, all or ``columns``; in no order that means
    anything. Consistent: a merge of files that runs meanwhile is neither seen twice nor missed.
    """
    import pyarrow as pa  # noqa: PLC0415 - programs that only count never load it
    import pyarrow.compute as pc  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    from maitred.archive.rows import SCHEMA  # noqa: PLC0415

    wanted = None if columns is None else list(dict.fromkeys([*columns, "occurred_at"]))
    for attempt in range(_TRIES):
        found = files(folder, traffic=traffic, kinds=kinds)
        try:
            tables = [pq.read_table(path_of(folder, f), columns=wanted) for f in found]
            break
        except FileNotFoundError:  # merged since we looked
            if attempt == _TRIES - 1:
                raise
    else:
        tables = []
    schema = SCHEMA if columns is None else pa.schema([SCHEMA.field(name) for name in columns])
    whole = pa.concat_tables(tables) if tables else SCHEMA.empty_table()
    if since is not None:
        whole = whole.filter(pc.greater_equal(whole["occurred_at"], pa.scalar(since)))
    return whole.select(schema.names)


def census(folder: Path) -> Census:
    """Count everything, from the files themselves."""
    ids = table(folder, traffic=None, columns=["user_id", "event_id", "type", "traffic"])
    if not (folder / LEDGER).exists():
        return Census(0, 0, {}, {})
    ledger = Ledger(folder, read_only=True)
    try:
        left_out = ledger.counts()
    finally:
        ledger.close()
    kinds = Counter(zip(ids["type"].to_pylist(), ids["traffic"].to_pylist(), strict=True))
    return Census(
        archived=len(ids.group_by(["user_id", "event_id"]).aggregate([])),
        rows=len(ids),
        by_kind={f"{kind}/{traffic}": n for (kind, traffic), n in sorted(kinds.items())},
        left_out={
            name: left_out.get(name, 0) for name in ("duplicates", "conflicts", "undecodable")
        },
    )


def where_are(folder: Path, event_ids: Iterable[str]) -> dict[str, int]:
    """Return how often each of these event ids stands in the archive: 0 is missing, 2 is twice."""
    column: Any = table(folder, traffic=None, columns=["event_id"])["event_id"]
    found = Counter(column.to_pylist())
    return {event_id: found[event_id] for event_id in event_ids}
