"""Diners leave the archive's files: one pass over all of them, however many diners.

Only files that hold rows of theirs are written anew; the others are looked at in one column.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from maitred.archive.ledger import ArchivedFile
from maitred.archive.scan import pieces
from maitred.archive.shelf import Shelf

__all__ = ["Purged", "purge"]


@dataclass(slots=True)
class Purged:
    """What a pass changed; nothing counts before the ledger says so."""

    doomed: list[ArchivedFile] = field(default_factory=list)
    written: list[ArchivedFile] = field(default_factory=list)
    gone: list[tuple[str, str]] = field(default_factory=list)
    """User id and event id of every row that left."""
    files: "Counter[str]" = field(default_factory=Counter)
    """Files that held rows of a diner, by user id."""


def purge(shelf: Shelf, files: Iterable[ArchivedFile], users: Collection[str]) -> Purged:
    """Write anew, into staging, every file that holds rows of these diners."""
    result = Purged()
    names = pa.array(sorted(users), pa.string())
    for file in files if users else ():
        if not _holds_any(shelf, file, names):
            continue
        found = _rows_of(shelf, file, names)
        result.gone += found
        result.files.update({user for user, _ in found})
        result.doomed.append(file)
        rest = shelf.write(_others(shelf, file, names), file.type, file.traffic, file.date)
        if rest is not None:
            result.written.append(rest)
    return result


def _holds_any(shelf: Shelf, file: ArchivedFile, names: pa.Array) -> bool:
    columns = (piece["user_id"] for piece in pieces(shelf.path(file), ["user_id"]))
    return any(pc.any(pc.is_in(users, names)).as_py() for users in columns)


def _rows_of(shelf: Shelf, file: ArchivedFile, names: pa.Array) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for piece in pieces(shelf.path(file), ["user_id", "event_id"]):
        theirs: Any = piece.filter(pc.is_in(piece["user_id"], names))
        pairs = zip(theirs["user_id"].to_pylist(), theirs["event_id"].to_pylist(), strict=True)
        found.extend(pairs)
    return found


def _others(shelf: Shelf, file: ArchivedFile, names: pa.Array) -> Iterator[pa.Table]:
    for piece in pieces(shelf.path(file)):
        yield piece.filter(pc.invert(pc.is_in(piece["user_id"], names)))
