"""Records on disk while the log is away: durable when written, read back in order, bounded.

A spool is a folder of append-only segments. Each entry is a frame with its length and checksum, so
that a file cut at any byte loses at most what was not written in full, and never invents anything.
Entries leave segment by segment: after a crash the ones of the oldest segment may be read again,
which readers of the log bear (they know events by id). One process owns a folder.
"""

import fcntl
import itertools
import logging
import os
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from maitred.errors import Overloaded, SpoolUnavailable
from services.eventlog.frames import decode_entries, encode_entry
from services.eventlog.port import Entry

__all__ = ["Spool"]

_LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class _Segment:
    path: Path
    size: int = 0
    entries: int = 0
    is_torn: bool = False


@dataclass(slots=True)
class _Cursor:
    segment: int = 0
    """Place in the deque of segments."""
    offset: int = 0


class Spool:
    """Entries in order on disk; use it from one thread.

    What an earlier process left in the folder is read first.
    """

    def __init__(self, folder: Path, *, max_bytes: int, segment_bytes: int = 1 << 20) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self._segment_bytes = segment_bytes
        folder.mkdir(parents=True, exist_ok=True)
        self._segments = deque(_recover(path) for path in sorted(folder.glob("*.seg")))
        self._bytes = sum(segment.size for segment in self._segments)
        self._entries = sum(segment.entries for segment in self._segments)
        self._released = 0
        self._cursor = _Cursor()
        self._output: BinaryIO | None = None
        self._lock: int | None = None
        last = max(
            (int(path.stem) for path in folder.glob("*.*") if path.stem.isdigit()), default=0
        )
        self._numbers = itertools.count(last + 1)
        self.release(0)

    @classmethod
    def claim(cls, home: Path, name: str, *, max_bytes: int) -> "Spool":
        """Own the first folder ``home/name-K`` that no live process owns, and open it.

        What waits in other folders of the name that nobody owns is taken over: fewer processes
        may run than before.
        """
        folder, lock = _first_free(home, name)
        for other in sorted(home.glob(f"{name}-*")):
            if (orphan := _try_lock(other)) is not None:
                _take_over(other, folder)
                os.close(orphan)
        spool = cls(folder, max_bytes=max_bytes)
        spool._lock = lock
        return spool

    @property
    def size_bytes(self) -> int:
        """Bytes on disk."""
        return self._bytes

    @property
    def entries(self) -> int:
        """How many entries were written and not released."""
        return self._entries

    def write(self, entries: Sequence[Entry]) -> None:
        """Append the entries; on return they are on disk (fsync).

        Raises:
            Overloaded: they do not fit under the cap; none was taken.
            SpoolUnavailable: the disk refused; none was taken.
        """
        if not entries:
            return
        raw = b"".join(map(encode_entry, entries))
        if self._bytes + len(raw) > self.max_bytes:
            msg = f"the spool is full: {self._bytes} bytes wait for the log"
            raise Overloaded(msg, next_step="try again later; is Kafka running? maitred status")
        try:
            output = self._output_for(len(raw))
            _write_whole(output, raw)
            os.fsync(output.fileno())
        except OSError as error:
            self._take_back()
            msg = f"the spool cannot be written: {error.strerror}"
            _LOG.error("%s: %s", self.folder, msg)
            raise SpoolUnavailable(
                msg, next_step="send it again later; whoever runs this makes room on its disk"
            ) from error
        self._segments[-1].size += len(raw)
        self._segments[-1].entries += len(entries)
        self._bytes += len(raw)
        self._entries += len(entries)

    def read(self, limit: int) -> list[Entry]:
        """Return up to ``limit`` entries after those read before; empty when all were read."""
        found: list[Entry] = []
        while len(found) < limit and self._cursor.segment < len(self._segments):
            segment = self._segments[self._cursor.segment]
            if self._cursor.offset < segment.size:
                found += self._read_segment(segment, limit - len(found))
            elif segment is self._segments[-1]:
                break
            else:
                self._cursor = _Cursor(self._cursor.segment + 1)
        return found

    def rewind(self) -> None:
        """Read again from the oldest entry that was not released."""
        self._cursor = _Cursor()
        if self._released:
            self.read(self._released)

    def release(self, count: int) -> None:
        """Forget the oldest ``count`` entries that were read: they are in the log."""
        self._released += count
        self._entries -= count
        while self._segments and self._released >= self._segments[0].entries:
            if len(self._segments) == 1:
                self._close_output()
            segment = self._segments.popleft()
            self._released -= segment.entries
            self._bytes -= segment.size
            at = self._cursor
            self._cursor = _Cursor(at.segment - 1, at.offset) if at.segment else _Cursor()
            _retire(segment)

    def close(self) -> None:
        """Let go of the folder; what waits in it stays."""
        self._close_output()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _read_segment(self, segment: _Segment, limit: int) -> list[Entry]:
        with segment.path.open("rb") as file:
            file.seek(self._cursor.offset)
            raw = file.read(segment.size - self._cursor.offset)
        entries, length = decode_entries(raw, limit)
        if not entries:
            msg = f"{segment.path} changed under its owner"
            raise Overloaded(msg, next_step="docs/runbook.md: a damaged spool")
        self._cursor.offset += length
        return entries

    def _output_for(self, length: int) -> BinaryIO:
        is_room = self._segments and self._segments[-1].size + length <= self._segment_bytes
        if self._output is not None and is_room:
            return self._output
        self._close_output()
        segment = _Segment(self.folder / f"{next(self._numbers):012}.seg")
        self._output = segment.path.open("xb", buffering=0)
        self._segments.append(segment)
        _sync_folder(self.folder)
        return self._output

    def _take_back(self) -> None:
        """Give up the room of what was written in part: on a full disk others need it, too."""
        if self._output is None:
            return
        try:
            self._output.truncate(self._segments[-1].size)
            self._output.seek(self._segments[-1].size)
        except OSError:
            self._close_output()

    def _close_output(self) -> None:
        """Never write behind a frame that may be torn: the next write starts a segment."""
        if self._output is not None:
            self._output.close()
            self._output = None


def _first_free(home: Path, name: str) -> tuple[Path, int]:
    number = 0
    while True:
        folder = home / f"{name}-{number}"
        folder.mkdir(parents=True, exist_ok=True)
        lock = _try_lock(folder)
        if lock is not None:
            return folder, lock
        number += 1


def _try_lock(folder: Path) -> int | None:
    """Return a held lock on the folder, or None when a live process has it."""
    lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    return lock


def _numbers_of(folder: Path) -> list[int]:
    return [int(path.stem) for path in folder.glob("*.*") if path.stem.isdigit()]


def _take_over(orphan: Path, heir: Path) -> None:
    """Move the segments of a folder behind those of another, in order."""
    for path in sorted(orphan.glob("*.seg")):
        number = max(_numbers_of(heir), default=0) + 1
        path.rename(heir / f"{number:012}.seg")
        _LOG.info("%s was left behind; it is sent from %s", path, heir)


def _recover(path: Path) -> _Segment:
    raw = path.read_bytes()
    entries, size = decode_entries(raw)
    if size < len(raw):
        _LOG.warning("%s: the last %d bytes are no whole entry", path, len(raw) - size)
    return _Segment(path, size, len(entries), is_torn=size < len(raw))


def _retire(segment: _Segment) -> None:
    """Remove a segment; one with bytes that could not be read is kept aside for a person."""
    if segment.is_torn:
        segment.path.rename(segment.path.with_suffix(".torn"))
    else:
        segment.path.unlink()


def _write_whole(output: BinaryIO, raw: bytes) -> None:
    """Write every byte: a disk that runs full takes the first ones, and says so by their number."""
    left = memoryview(raw)
    while left:
        left = left[output.write(left) :]


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
