"""Reading the archive, while it is being written too: only files that the ledger names count.

What counts rows streams: an archive may be larger than memory. :func:`table` alone holds what it
returns, so name kinds and columns.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from maitred.archive.ledger import LEDGER, ArchivedFile, Ledger
from maitred.archive.tombs import Erasure, event_digest

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "LIVE",
    "Census",
    "census",
    "count",
    "erased",
    "erased_among",
    "erasures",
    "files",
    "offsets",
    "require_key",
    "table",
    "where_are",
]

LIVE: Final = frozenset({"live"})
"""What is read unless other kinds of traffic are named."""
_LEFT_OUT: Final = ("duplicates", "conflicts", "undecodable", "erased")
_ID_BYTES: Final = 64
"""Bytes in memory for each row's ids, at most as a rule."""
_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class Census:
    """What an archive holds, counted by event id."""

    archived: int
    """Distinct (user id, event id)."""
    rows: int
    by_kind: dict[str, int]
    """Rows by ``type/traffic``."""
    left_out: dict[str, int]
    """What was read from the log and is not archived: duplicates, conflicts, undecodable, erased."""

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
    none: list[ArchivedFile] = []
    return [
        file
        for file in _asked(folder, Ledger.files, none)
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


def offsets(folder: Path, topic: str) -> dict[int, int]:
    """Return how far the archive has read a topic: what comes next, by partition."""
    return _asked(folder, lambda ledger: ledger.offsets(topic), {})


def erased(folder: Path) -> dict[str, datetime]:
    """Return when each erased diner was erased last, by :func:`maitred.ids.tombstone`."""
    return _asked(folder, lambda ledger: ledger.tombs.latest(), {})


def require_key(folder: Path, key: str) -> None:
    """Refuse a key of tombstones that is not the archive's.

    Raises:
        Refused: its tombstones would match nobody.
    """
    _asked(folder, lambda ledger: ledger.tombs.require_key(key), None)


def erasures(folder: Path) -> list[Erasure]:
    """Return the record of every erasure, oldest first."""
    return _asked(folder, lambda ledger: ledger.tombs.erasures(), [])


def erased_among(folder: Path, event_ids: Iterable[str], key: str) -> set[str]:
    """Return those of these event ids that were erased with their diners; ``key`` of tombstones."""
    names = {event_digest(event_id, key): event_id for event_id in event_ids}
    none: set[bytes] = set()
    found = _asked(folder, lambda ledger: ledger.tombs.events_among(names), none)
    return {names[digest] for digest in found}


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

    from maitred.archive.rows import SCHEMA  # noqa: PLC0415
    from maitred.archive.scan import scan  # noqa: PLC0415

    schema = SCHEMA if columns is None else pa.schema([SCHEMA.field(name) for name in columns])
    found = scan(folder, traffic=traffic, kinds=kinds, since=since, columns=columns)
    return pa.concat_tables([schema.empty_table(), *found])


def census(folder: Path) -> Census:
    """Count everything, from the files themselves; in parts, where the ids do not fit in memory."""
    import pyarrow as pa  # noqa: PLC0415 - as above

    from maitred.archive.parts import in_parts, parts_for  # noqa: PLC0415
    from maitred.archive.rows import SCHEMA  # noqa: PLC0415
    from maitred.archive.scan import scan  # noqa: PLC0415

    kinds: Counter[str] = Counter()
    names = ["user_id", "event_id"]

    def counted() -> "Iterator[pa.Table]":
        for piece in scan(folder, traffic=None, columns=[*names, "type", "traffic"]):
            for row in (
                piece.group_by(["type", "traffic"]).aggregate([([], "count_all")]).to_pylist()
            ):
                kinds[f"{row['type']}/{row['traffic']}"] += row["count_all"]
            yield piece.select(names)

    schema = pa.schema([SCHEMA.field(name) for name in names])
    parts = parts_for(count(folder, traffic=None) * _ID_BYTES)
    archived = sum(
        len(part.group_by(names).aggregate([])) for part in in_parts(counted(), schema, parts)
    )
    none: dict[str, int] = {}
    left_out = _asked(folder, Ledger.counts, none)
    return Census(
        archived=archived,
        rows=kinds.total(),
        by_kind=dict(sorted(kinds.items())),
        left_out={name: left_out.get(name, 0) for name in _LEFT_OUT},
    )


def where_are(folder: Path, event_ids: Iterable[str]) -> dict[str, int]:
    """Return how often each of these event ids stands in the archive: 0 is missing, 2 is twice."""
    import pyarrow as pa  # noqa: PLC0415 - as above
    import pyarrow.compute as pc  # noqa: PLC0415

    from maitred.archive.scan import scan  # noqa: PLC0415

    found = dict.fromkeys(event_ids, 0)
    asked = pa.array(list(found), pa.string())
    for piece in scan(folder, traffic=None, columns=["event_id"]) if found else ():
        for event_id in piece.filter(pc.is_in(piece["event_id"], asked))["event_id"].to_pylist():
            found[event_id] += 1
    return found


def _asked(folder: Path, question: Callable[[Ledger], _Found], nothing: _Found) -> _Found:
    """Return what the ledger says, or ``nothing`` where nobody has written one."""
    if not (folder / LEDGER).exists():
        return nothing
    ledger = Ledger(folder, read_only=True)
    try:
        return question(ledger)
    finally:
        ledger.close()
