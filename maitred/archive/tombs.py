"""What stays of erased diners in the ledger: tombstones with a time, and keyed digests of event ids.

Nothing here tells who it was to anybody who has not got the key, and then only one guess at a time.
"""

import hmac
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeVar

from maitred.errors import Refused
from maitred.ids import key_fingerprint

__all__ = ["TABLES", "Erasure", "Tombs", "event_digest", "row_digest"]

TABLES: Final = """
CREATE TABLE IF NOT EXISTS erasures (
  topic TEXT NOT NULL, partition INTEGER NOT NULL, offset INTEGER NOT NULL,
  tombstone TEXT NOT NULL, occurred_at TEXT NOT NULL, archived_at TEXT NOT NULL,
  rows INTEGER NOT NULL, files INTEGER NOT NULL,
  PRIMARY KEY (topic, partition, offset)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS erasures_of ON erasures (tombstone, occurred_at);
CREATE TABLE IF NOT EXISTS erased (row BLOB PRIMARY KEY, event BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS erased_events ON erased (event);
CREATE TABLE IF NOT EXISTS erasure_key (fingerprint TEXT PRIMARY KEY) WITHOUT ROWID;
"""
_DIGEST_BYTES: Final = 16
_AT_ONCE: Final = 500
_Key = TypeVar("_Key", str, bytes)


@dataclass(frozen=True, slots=True)
class Erasure:
    """The record of one ``erase`` event: that it was done, when and to how much, never to whom."""

    tombstone: str
    """:func:`maitred.ids.tombstone` of the diner."""
    occurred_at: datetime
    archived_at: datetime
    rows: int
    """Rows that left files of the archive."""
    files: int
    """Files that held any of them."""
    topic: str
    partition: int
    offset: int


def event_digest(event_id: str, key: str) -> bytes:
    """Return what is kept of an erased event's id, whoever's it was: 16 bytes."""
    return _keyed(key, f"event\0{event_id}")


def row_digest(user_id: str, event_id: str, key: str) -> bytes:
    """Return what is kept of an erased diner's event, to know it when it comes again: 16 bytes."""
    return _keyed(key, f"row\0{user_id}\0{event_id}")


def _keyed(key: str, text: str) -> bytes:
    return hmac.digest(key.encode(), text.encode(), "sha256")[:_DIGEST_BYTES]


class Tombs:
    """The ledger's tables of erasures; reading an older ledger that has none finds nothing."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    # --- reading

    def erasures(self) -> list[Erasure]:
        """Return every erasure, oldest first."""
        if not self._are_there():
            return []
        rows = self._db.execute(
            "SELECT tombstone, occurred_at, archived_at, rows, files, topic, partition, offset"
            " FROM erasures ORDER BY archived_at, topic, partition, offset"
        )
        return [
            Erasure(stone, datetime.fromisoformat(at), datetime.fromisoformat(done), *rest)
            for stone, at, done, *rest in rows
        ]

    def is_empty(self) -> bool:
        """Tell whether nobody was ever erased."""
        return self._db.execute("SELECT 1 FROM erasures LIMIT 1").fetchone() is None

    def latest(self, tombstones: Collection[str] | None = None) -> dict[str, datetime]:
        """Return when these were erased last, by tombstone; None: all of them."""
        if not self._are_there():
            return {}
        query = "SELECT tombstone, MAX(occurred_at) FROM erasures{} GROUP BY tombstone"
        if tombstones is None:
            found = self._db.execute(query.format("")).fetchall()
        else:
            found = [row for some, marks in _chunks(list(tombstones)) for row in self._db.execute(
                query.format(f" WHERE tombstone IN ({marks})"), some)]  # fmt: skip
        return {stone: datetime.fromisoformat(at) for stone, at in found}

    def rows_among(self, digests: Collection[bytes]) -> set[bytes]:
        """Return those of these row digests that were erased."""
        return self._among("row", digests)

    def events_among(self, digests: Collection[bytes]) -> set[bytes]:
        """Return those of these event digests that were erased."""
        return self._among("event", digests) if self._are_there() else set()

    def require_key(self, key: str) -> None:
        """Refuse a key that is not the one of the tombstones.

        Raises:
            Refused: they would match nobody.
        """
        if not self._are_there():
            return
        found = self._db.execute("SELECT fingerprint FROM erasure_key").fetchall()
        if found and (key_fingerprint(key),) not in found:
            msg = "the archive's tombstones were made with another erasure key: they match nobody"
            raise Refused(
                msg,
                next_step="set MAITRED_ERASURE_KEY, or bring back <state>/erasure.key, as it was",
                fields=(("erasure_key", f"fingerprint is not {found[0][0]}"),),
            )

    # --- writing, inside a transaction of the ledger

    def keep_key(self, key: str) -> None:
        """Remember whose tombstones these are, by the key's fingerprint."""
        self._db.execute("INSERT OR IGNORE INTO erasure_key VALUES (?)", (key_fingerprint(key),))

    def add_erasures(self, erasures: Iterable[Erasure]) -> None:
        """Record erasures; one that is recorded already stays as it is."""
        self._db.executemany(
            "INSERT OR IGNORE INTO erasures VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (e.topic, e.partition, e.offset, e.tombstone, _text(e.occurred_at),
                 _text(e.archived_at), e.rows, e.files)
                for e in erasures
            ],
        )  # fmt: skip

    def add_erased(self, digests: Iterable[tuple[bytes, bytes]]) -> int:
        """Remember erased events by (row digest, event digest); return how many were new."""
        before = self._db.total_changes
        self._db.executemany("INSERT OR IGNORE INTO erased VALUES (?, ?)", digests)
        return self._db.total_changes - before

    def _among(self, column: str, digests: Collection[bytes]) -> set[bytes]:
        found: set[bytes] = set()
        for some, marks in _chunks(list(digests)):
            query = f"SELECT {column} FROM erased WHERE {column} IN ({marks})"  # noqa: S608 - ours
            found.update(row for (row,) in self._db.execute(query, some))
        return found

    def _are_there(self) -> bool:
        query = "SELECT 1 FROM sqlite_master WHERE name = 'erasures'"
        return self._db.execute(query).fetchone() is not None


def _text(moment: datetime) -> str:
    """Return a time whose texts sort as the times do."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _chunks(values: Sequence[_Key]) -> Iterator[tuple[Sequence[_Key], str]]:
    for at in range(0, len(values), _AT_ONCE):
        some = values[at : at + _AT_ONCE]
        yield some, ",".join("?" * len(some))
