"""The only hand that writes the archive: exactly once, through kill -9 between any two steps.

A flush writes new files into staging and fsyncs them; one transaction of the ledger then names the
files, the offsets they reach and the ids they hold; then they are moved into place. Killed before
the transaction, nothing happened and the records are read again; killed after it, the next start
moves the files. Sorting out duplicates uses the ids of that same ledger.
"""

import fcntl
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from maitred.archive.ledger import STAGING, ArchivedFile, Ledger, path_of, staged
from maitred.archive.rows import Arrival, table_of
from maitred.clock import Clock
from maitred.errors import Refused
from maitred.events import Traffic

__all__ = ["ArchiveWriter", "Sorted", "open_writer"]

_FOR_EVER: Final = 2**31
_SECONDS_PER_DAY: Final = 86_400
_MERGE_FROM: Final = 64
_SMALL: Final = 10_000
"""Rows below which a file is merged again: 10 MB of impressions. A limit ten times as high has each
impression written three and a half times at 400/s, this one twice."""


@dataclass(slots=True)
class Sorted:
    """Arrivals told apart: ``fresh`` are archived, ``conflicts`` carry an id that another body has."""

    fresh: list[Arrival] = field(default_factory=list)
    conflicts: list[Arrival] = field(default_factory=list)
    duplicates: int = 0


class ArchiveWriter:
    """Writes one archive from one topic; use it from one thread."""

    def __init__(self, folder: Path, topic: str, *, clock: Clock, dedup_days: int) -> None:
        self._folder = folder
        self._topic = topic
        self._clock = clock
        self._dedup_days = dedup_days
        self._ledger = Ledger(folder)
        (folder / STAGING).mkdir(exist_ok=True)
        self._recover()
        self._number = max((_number(f.path) for f in self._ledger.files()), default=0)

    def resume_at(self) -> Mapping[int, int]:
        """Return what to read next, by partition, as of the last flush."""
        return self._ledger.offsets(self._topic)

    def sort(self, arrivals: Sequence[Arrival]) -> Sorted:
        """Tell fresh events from duplicates and conflicts; of equal ids the first wins."""
        known = self._ledger.bodies([arrival.id for arrival in arrivals])
        result = Sorted()
        for arrival in arrivals:
            before = known.get(arrival.id)
            if before is None:
                known[arrival.id] = arrival.body
                result.fresh.append(arrival)
            elif before == arrival.body:
                result.duplicates += 1
            else:
                result.conflicts.append(arrival)
        return result

    def flush(self, batch: Sorted, offsets: Mapping[int, int], *, undecodable: int = 0) -> None:
        """Archive what is fresh and move the offsets, together or not at all."""
        files = self._stage(batch.fresh)
        ids = self._remembered(batch)
        with self._ledger.transaction():
            self._ledger.settle()
            self._ledger.add_files(files)
            self._ledger.add_ids(ids)
            self._ledger.set_offsets(self._topic, offsets)
            self._ledger.add_counts(
                {
                    "duplicates": batch.duplicates,
                    "conflicts": len(batch.conflicts),
                    "undecodable": undecodable,
                }
            )
        self._place(files)

    def merge_small_files(self) -> bool:
        """Make one file of many where a folder holds at least 64; tell whether there was one."""
        folders: dict[tuple[str, str, str], list[ArchivedFile]] = defaultdict(list)
        for file in self._ledger.files():
            folders[file.type, file.traffic, file.date].append(file)
        for (kind, traffic, date), many in folders.items():
            small = [file for file in many if file.rows < _SMALL]
            if len(small) >= _MERGE_FROM:
                tables = [pq.read_table(path_of(self._folder, file)) for file in small]
                merged = self._write(pa.concat_tables(tables), kind, traffic, date)
                with self._ledger.transaction():
                    self._ledger.settle()
                    self._ledger.doom(small)
                    self._ledger.add_files([merged])
                self._remove(self._ledger.doomed())
                self._place([merged])
                return True
        return False

    def close(self) -> None:
        """Let go of the ledger."""
        self._ledger.close()

    def _recover(self) -> None:
        """Finish the move that a crash cut short, and forget what never counted."""
        self._remove(self._ledger.doomed())
        self._place([file for file in self._ledger.files() if not file.is_placed])
        for leftover in (self._folder / STAGING).iterdir():
            leftover.unlink()
        today = int(self._clock.now().timestamp()) // _SECONDS_PER_DAY
        with self._ledger.transaction():
            self._ledger.settle()
            self._ledger.forget_ids(today)

    def _stage(self, arrivals: Sequence[Arrival]) -> list[ArchivedFile]:
        now = self._clock.now()
        groups: dict[tuple[str, str], list[Arrival]] = defaultdict(list)
        for arrival in arrivals:
            groups[arrival.type, arrival.traffic].append(arrival)
        files = [
            self._write(table_of(group, now), kind, traffic, now.date().isoformat())
            for (kind, traffic), group in sorted(groups.items())
        ]
        _sync_folder(self._folder / STAGING)
        return files

    def _write(self, table: pa.Table, kind: str, traffic: str, date: str) -> ArchivedFile:
        self._number += 1
        path = f"{kind}/{traffic}/{date}/part-{self._number:010}.parquet"
        target = staged(self._folder, path)
        # most bytes are floats and ids that hardly repeat: dictionaries cost time and room
        pq.write_table(table, target, compression="zstd", use_dictionary=False)
        with target.open("rb") as file:
            os.fsync(file.fileno())
        return ArchivedFile(path, kind, traffic, date, len(table), is_placed=False)

    def _place(self, files: Sequence[ArchivedFile]) -> None:
        for file in files:
            source, target = staged(self._folder, file.path), self._folder / file.path
            if source.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                source.rename(target)
                _sync_folder(target.parent)

    def _remove(self, paths: Sequence[str]) -> None:
        for path in paths:
            (self._folder / path).unlink(missing_ok=True)
            staged(self._folder, path).unlink(missing_ok=True)

    def _remembered(self, batch: Sorted) -> list[tuple[bytes, bytes, int]]:
        today = int(self._clock.now().timestamp()) // _SECONDS_PER_DAY
        until = today + 2 * self._dedup_days
        return [
            (a.id, a.body, _FOR_EVER if a.traffic == Traffic.REPLAY else until) for a in batch.fresh
        ]


@contextmanager
def open_writer(
    folder: Path, topic: str, *, clock: Clock, dedup_days: int
) -> Iterator[ArchiveWriter]:
    """Yield the archive's writer.

    Raises:
        Refused: another process writes this archive.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            msg = f"another process writes the archive {folder}"
            raise Refused(msg, next_step="maitred status shows it") from error
        writer = ArchiveWriter(folder, topic, clock=clock, dedup_days=dedup_days)
        try:
            yield writer
        finally:
            writer.close()


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _number(path: str) -> int:
    return int(Path(path).stem.removeprefix("part-"))
