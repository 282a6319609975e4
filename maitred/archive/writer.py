"""The only hand that writes the archive: exactly once, through kill -9 between any two steps.

A flush writes new files into staging and fsyncs them; one transaction of the ledger then names the
files, the offsets they reach and the ids they hold; then they are moved into place. Killed before
the transaction, nothing happened and the records are read again; killed after it, the next start
moves the files. Merges and erasures replace files in the same way.
"""

import fcntl
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from maitred.archive.compaction import due
from maitred.archive.ledger import ArchivedFile, Ledger
from maitred.archive.purge import Purged, purge
from maitred.archive.rows import Arrival, id_of, table_of
from maitred.archive.scan import pieces
from maitred.archive.shelf import Shelf
from maitred.archive.sorting import Sorted, sort
from maitred.archive.tombs import Erasure, event_digest, row_digest
from maitred.clock import Clock
from maitred.errors import Refused
from maitred.events import Traffic
from maitred.ids import tombstone

__all__ = ["ArchiveWriter", "Sorted", "open_writer"]

_FOR_EVER: Final = 2**31
_SECONDS_PER_DAY: Final = 86_400


class ArchiveWriter:
    """Writes one archive from one topic; use it from one thread."""

    def __init__(
        self, folder: Path, topic: str, *, clock: Clock, dedup_days: int, erasure_key: str
    ) -> None:
        self._topic = topic
        self._clock = clock
        self._dedup_days = dedup_days
        self._key = erasure_key
        self._ledger = Ledger(folder)
        self._ledger.tombs.require_key(erasure_key)
        self._shelf = Shelf(folder, self._ledger)
        self._shelf.tidy()
        with self._ledger.transaction():
            self._ledger.settle()
            self._ledger.forget_ids(self._today())

    def resume_at(self) -> Mapping[int, int]:
        """Return what to read next, by partition, as of the last flush."""
        return self._ledger.offsets(self._topic)

    def sort(self, arrivals: Sequence[Arrival]) -> Sorted:
        """Tell fresh events from the others; see :mod:`maitred.archive.sorting`."""
        return sort(arrivals, self._ledger, self._key)

    def flush(self, batch: Sorted, offsets: Mapping[int, int], *, undecodable: int = 0) -> None:
        """Archive what is fresh, let erased diners leave, move the offsets: all or nothing."""
        now = self._clock.now()
        self._shelf.tidy()
        purged = purge(self._shelf, self._ledger.files(), batch.erased_users)
        files = self._stage(batch.fresh, now) + purged.written
        self._shelf.sync()
        with self._ledger.transaction():
            self._ledger.settle()
            self._ledger.doom(purged.doomed)
            self._ledger.add_files(files)
            self._ledger.add_ids(self._remembered(batch))
            self._ledger.set_offsets(self._topic, offsets)
            self._ledger.add_counts(
                {
                    "duplicates": batch.duplicates,
                    "conflicts": len(batch.conflicts),
                    "undecodable": undecodable,
                    "erased": self._entomb(batch, purged, now),
                }
            )
        self._shelf.place(files)
        self._shelf.sweep()

    def merge_small_files(self) -> bool:
        """Make one file of many where it is due; tell whether it was. One folder a call.

        Files that nobody reads any more are removed first.
        """
        self._shelf.tidy()
        files = self._ledger.files()
        some = due(files, {f.path: self._shelf.size(f) for f in files}, self._date())
        if not some:
            return False
        first = some[0]
        rows = (piece for file in some for piece in pieces(self._shelf.path(file)))
        merged = self._shelf.write(rows, first.type, first.traffic, first.date)
        self._shelf.sync()
        placed = [merged] if merged else []
        with self._ledger.transaction():
            self._ledger.settle()
            self._ledger.doom(some)
            self._ledger.add_files(placed)
        self._shelf.place(placed)
        self._shelf.sweep()
        return True

    def remember_erasures(self, erasures: Iterable[Erasure]) -> None:
        """Take over what another archive knows of erased diners, before anything is archived."""
        with self._ledger.transaction():
            self._ledger.tombs.keep_key(self._key)
            self._ledger.tombs.add_erasures(erasures)

    def close(self) -> None:
        """Let go of the ledger."""
        self._shelf.close()
        self._ledger.close()

    def _stage(self, arrivals: Sequence[Arrival], now: datetime) -> list[ArchivedFile]:
        groups: dict[tuple[str, str], list[Arrival]] = defaultdict(list)
        for arrival in arrivals:
            groups[arrival.type, arrival.traffic].append(arrival)
        date = now.date().isoformat()
        files = [
            self._shelf.write([table_of(group, now)], kind, traffic, date)
            for (kind, traffic), group in sorted(groups.items())
        ]
        return [file for file in files if file is not None]

    def _entomb(self, batch: Sorted, purged: Purged, now: datetime) -> int:
        """Write down, in the transaction under way, who left; return how many events went."""
        if not (batch.erasures or batch.dropped):
            return 0
        gone = purged.gone + [(a.user_id, a.event_id) for a in batch.erasures + batch.dropped]
        self._ledger.drop_ids(id_of(user, event) for user, event in purged.gone)
        rows = Counter(user for user, _ in purged.gone)
        records = []
        for erase in batch.erasures:
            user = erase.user_id
            records.append(
                Erasure(
                    tombstone(user, self._key), erase.occurred_at, now,
                    rows.pop(user, 0), purged.files.pop(user, 0),
                    self._topic, erase.partition, erase.offset,
                )
            )  # fmt: skip
        self._ledger.tombs.keep_key(self._key)
        self._ledger.tombs.add_erasures(records)
        return self._ledger.tombs.add_erased(
            (row_digest(user, event, self._key), event_digest(event, self._key))
            for user, event in gone
        )

    def _remembered(self, batch: Sorted) -> list[tuple[bytes, bytes, int]]:
        until = self._today() + 2 * self._dedup_days
        return [
            (a.id, a.body, _FOR_EVER if a.traffic == Traffic.REPLAY else until) for a in batch.fresh
        ]

    def _today(self) -> int:
        return int(self._clock.now().timestamp()) // _SECONDS_PER_DAY

    def _date(self) -> str:
        return self._clock.now().date().isoformat()


@contextmanager
def open_writer(
    folder: Path, topic: str, *, clock: Clock, dedup_days: int, erasure_key: str
) -> Iterator[ArchiveWriter]:
    """Yield the archive's writer.

    Raises:
        Refused: another process writes this archive, or its tombstones have another key.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            msg = f"another process writes the archive {folder}"
            raise Refused(msg, next_step="maitred status shows it") from error
        writer = ArchiveWriter(
            folder, topic, clock=clock, dedup_days=dedup_days, erasure_key=erasure_key
        )
        try:
            yield writer
        finally:
            writer.close()
