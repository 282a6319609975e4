"""The archive's files on disk: written aside, synced, moved into place, removed when nobody reads.

Which of them count is the ledger's business. Every step may be the last one before a kill -9.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from maitred.archive.ledger import STAGING, ArchivedFile, Ledger, path_of, staged
from maitred.archive.rows import SCHEMA
from maitred.archive.scan import READERS

__all__ = ["Shelf"]

_GROUP_BYTES: Final = 16 * 1024 * 1024
"""Bytes in memory at which a row group is written."""


class Shelf:
    """Files of one archive, for its writer."""

    def __init__(self, folder: Path, ledger: Ledger) -> None:
        self._folder = folder
        self._ledger = ledger
        (folder / STAGING).mkdir(exist_ok=True)
        self._readers = os.open(folder / READERS, os.O_RDONLY | os.O_CREAT, 0o644)
        named = [*(file.path for file in ledger.files()), *ledger.doomed()]
        self._number = max(map(_number, named), default=0)
        self._sizes: dict[str, int] = {}

    def close(self) -> None:
        """Let go of the readers' lock."""
        os.close(self._readers)

    def path(self, file: ArchivedFile) -> Path:
        """Return where a file lies now."""
        return path_of(self._folder, file)

    def size(self, file: ArchivedFile) -> int:
        """Return a file's bytes, remembered: files never change."""
        if file.path not in self._sizes:
            self._sizes[file.path] = self.path(file).stat().st_size
        return self._sizes[file.path]

    def write(
        self, tables: Iterable[pa.Table], kind: str, traffic: str, date: str
    ) -> ArchivedFile | None:
        """Write one file into staging, on disk at the end; None: there were no rows.

        Takes no more memory than a row group, however many tables there are.
        """
        self._number += 1
        path = f"{kind}/{traffic}/{date}/part-{self._number:010}.parquet"
        target = staged(self._folder, path)
        rows = 0
        # most bytes are floats and ids that hardly repeat: dictionaries cost time and room
        with pq.ParquetWriter(target, SCHEMA, compression="zstd", use_dictionary=False) as writer:
            for group in _groups(tables):
                writer.write_table(group)
                rows += len(group)
        if rows == 0:
            target.unlink()
            return None
        with target.open("rb") as file:
            os.fsync(file.fileno())
        self._sizes[path] = target.stat().st_size
        return ArchivedFile(path, kind, traffic, date, rows, is_placed=False)

    def sync(self) -> None:
        """What was written is on disk under its name in staging."""
        _sync_folder(self._folder / STAGING)

    def place(self, files: Sequence[ArchivedFile]) -> None:
        """Move files that count to where they belong; those that are there stay."""
        for file in files:
            source, target = staged(self._folder, file.path), self._folder / file.path
            if source.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                source.rename(target)
                _sync_folder(target.parent)

    def sweep(self) -> bool:
        """Remove files that no longer count, unless somebody reads now; tell whether none is left."""
        doomed = self._ledger.doomed()
        if not doomed:
            return True
        try:
            fcntl.flock(self._readers, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        try:
            for path in doomed:
                (self._folder / path).unlink(missing_ok=True)
                staged(self._folder, path).unlink(missing_ok=True)
                self._sizes.pop(path, None)
        finally:
            fcntl.flock(self._readers, fcntl.LOCK_UN)
        with self._ledger.transaction():
            self._ledger.bury(doomed)
        return True

    def tidy(self) -> None:
        """Finish the moves that a crash or a full disk cut short, and forget what never counted."""
        self.place(self._ledger.unplaced())
        kept = {staged(self._folder, path) for path in self._ledger.doomed()}
        for leftover in set((self._folder / STAGING).iterdir()) - kept:
            leftover.unlink()
        self.sweep()


def _groups(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    waiting: list[pa.Table] = []
    room = 0
    for table in tables:
        waiting.append(table)
        room += table.nbytes
        if room >= _GROUP_BYTES:
            yield pa.concat_tables(waiting)
            waiting, room = [], 0
    if any(len(table) for table in waiting):
        yield pa.concat_tables(waiting)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _number(path: str) -> int:
    return int(Path(path).stem.removeprefix("part-"))
