"""What the archive holds, decided in one place: a small SQLite file beside the Parquet files.

Files, the offsets they reach and the ids they hold change in one transaction, so that a crash at
any step neither loses nor repeats an event. A file that the ledger does not name does not count.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from maitred.archive import tombs

__all__ = ["LEDGER", "STAGING", "ArchivedFile", "Ledger", "path_of", "staged"]

LEDGER: Final = "ledger.sqlite"
STAGING: Final = ".staging"
_CACHE_KIB: Final = 16 * 1024
"""Memory for pages of the ledger: ids come in no order, and a flush touches pages everywhere."""

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS files (
  path TEXT PRIMARY KEY, type TEXT NOT NULL, traffic TEXT NOT NULL, date TEXT NOT NULL,
  rows INTEGER NOT NULL, is_placed INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS doomed (path TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS offsets (
  topic TEXT NOT NULL, partition INTEGER NOT NULL, next INTEGER NOT NULL,
  PRIMARY KEY (topic, partition)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ids (
  id BLOB PRIMARY KEY, body BLOB NOT NULL, until INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counts (name TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class ArchivedFile:
    """One Parquet file; ``path`` is relative to the archive."""

    path: str
    type: str
    traffic: str
    date: str
    """Day of archiving, UTC."""
    rows: int
    is_placed: bool
    """False: it may still lie in staging."""


def path_of(folder: Path, file: ArchivedFile) -> Path:
    """Return where the file lies now."""
    place = folder / file.path
    if file.is_placed or place.exists():
        return place
    return staged(folder, file.path)


def staged(folder: Path, path: str) -> Path:
    """Return where a file waits until the ledger names it; the name ends so that no glob finds it."""
    return folder / STAGING / (path.replace("/", "__") + ".tmp")


class Ledger:
    """The ledger of one archive; one connection, one thread."""

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        self.folder = folder
        file = folder / LEDGER
        if read_only:
            self._db = sqlite3.connect(f"file:{file.absolute()}?mode=ro", uri=True, timeout=10)
        else:
            if not file.exists():
                _make(file)
            self._db = sqlite3.connect(file, timeout=10)
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            self._db.executescript(_TABLES + tombs.TABLES)
        self.tombs = tombs.Tombs(self._db)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, on disk at the end."""
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            yield

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    # --- reading

    def files(self) -> list[ArchivedFile]:
        """Return every file that counts, in the order they were written."""
        return self._files("")

    def unplaced(self) -> list[ArchivedFile]:
        """Return those of them that may still lie in staging."""
        return self._files("WHERE is_placed = 0")

    def offsets(self, topic: str) -> dict[int, int]:
        """Return what to read next, by partition."""
        rows = self._db.execute("SELECT partition, next FROM offsets WHERE topic = ?", (topic,))
        return dict(rows.fetchall())

    def counts(self) -> dict[str, int]:
        """Return what was left out so far: duplicates, conflicts, undecodable, erased."""
        return dict(self._db.execute("SELECT name, n FROM counts").fetchall())

    def bodies(self, ids: Sequence[bytes]) -> dict[bytes, bytes]:
        """Return the digests of the bodies that were archived under these ids."""
        found: dict[bytes, bytes] = {}
        ordered = sorted(ids)  # neighbours lie on one page
        for at in range(0, len(ordered), 500):
            some = ordered[at : at + 500]
            marks = ",".join("?" * len(some))
            query = f"SELECT id, body FROM ids WHERE id IN ({marks})"  # noqa: S608 - marks only
            found.update(self._db.execute(query, some).fetchall())
        return found

    def doomed(self) -> list[str]:
        """Return files that no longer count and may still be there."""
        return [path for (path,) in self._db.execute("SELECT path FROM doomed")]

    def _files(self, which: str) -> list[ArchivedFile]:
        query = (
            f"SELECT path, type, traffic, date, rows, is_placed FROM files {which} ORDER BY path"  # noqa: S608 - ours
        )
        return [
            ArchivedFile(path, kind, traffic, date, n, is_placed=bool(placed))
            for path, kind, traffic, date, n, placed in self._db.execute(query)
        ]

    # --- writing, inside a transaction

    def add_files(self, files: Iterable[ArchivedFile]) -> None:
        """Let these count."""
        self._db.executemany(
            "INSERT INTO files VALUES (?, ?, ?, ?, ?, ?)",
            [(f.path, f.type, f.traffic, f.date, f.rows, int(f.is_placed)) for f in files],
        )

    def doom(self, files: Iterable[ArchivedFile]) -> None:
        """Let these no longer count; they are removed afterwards."""
        paths = [(file.path,) for file in files]
        self._db.executemany("DELETE FROM files WHERE path = ?", paths)
        self._db.executemany("INSERT OR IGNORE INTO doomed VALUES (?)", paths)

    def settle(self) -> None:
        """All files are where they belong."""
        self._db.execute("UPDATE files SET is_placed = 1 WHERE is_placed = 0")

    def bury(self, doomed: Iterable[str]) -> None:
        """These doomed files are gone."""
        self._db.executemany("DELETE FROM doomed WHERE path = ?", [(path,) for path in doomed])

    def add_ids(self, ids: Iterable[tuple[bytes, bytes, int]]) -> None:
        """Remember (id, digest of its body, last day to remember it, counted from 1970)."""
        self._db.executemany("INSERT INTO ids VALUES (?, ?, ?)", sorted(ids))

    def forget_ids(self, before: int) -> None:
        """Forget ids whose last day is before this one."""
        self._db.execute("DELETE FROM ids WHERE until < ?", (before,))

    def drop_ids(self, ids: Iterable[bytes]) -> None:
        """Forget these ids, whatever their last day."""
        self._db.executemany("DELETE FROM ids WHERE id = ?", [(each,) for each in ids])

    def set_offsets(self, topic: str, offsets: Mapping[int, int]) -> None:
        """Remember what to read next."""
        self._db.executemany(
            "INSERT OR REPLACE INTO offsets VALUES (?, ?, ?)",
            [(topic, partition, offset) for partition, offset in offsets.items()],
        )

    def add_counts(self, counts: Mapping[str, int]) -> None:
        """Add to what was left out."""
        self._db.executemany(
            "INSERT INTO counts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET n = n + excluded.n",
            [(name, n) for name, n in counts.items() if n],
        )


def _make(file: Path) -> None:
    """Create the ledger whole or not at all: readers must not meet half of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_suffix(".new")
    new.unlink(missing_ok=True)
    with closing(sqlite3.connect(new)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript(_TABLES + tombs.TABLES)
    new.rename(file)
