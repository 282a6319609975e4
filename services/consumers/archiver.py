"""Every event of the log into the archive, exactly once; what cannot go there becomes a dead letter.

Offsets are kept in the archive's ledger, never in the log: they must change with the data.
"""

from collections.abc import Mapping
from typing import Final

from maitred.archive.rows import Arrival
from maitred.archive.writer import ArchiveWriter
from maitred.clock import Clock
from services.consumers.batch import Batch, Outcome, Taken, Undecodable
from services.consumers.dead import DeadLetters
from services.eventlog.port import Record

__all__ = ["ArchiveConsumer"]

FLUSH_S: Final = 1.0
"""Longest time a record waits in memory."""
FLUSH_BYTES: Final = 8 * 1024 * 1024
"""Bytes of records at which a flush does not wait."""
_CONFLICT: Final = "event_id: was archived with another body"


class ArchiveConsumer:
    """Collects records for a moment, then flushes them with the offsets they reach."""

    name = "archive"

    def __init__(self, writer: ArchiveWriter, dead: DeadLetters, *, clock: Clock) -> None:
        self._writer = writer
        self._dead = dead
        self._clock = clock
        self._taken: list[Taken] = []
        self._undecodable: list[Undecodable] = []
        self._offsets: dict[int, int] = {}
        self._bytes = 0
        self._since = 0.0

    def resume_at(self) -> Mapping[int, int]:
        """See :class:`~services.consumers.batch.Consumer`."""
        return self._writer.resume_at()

    def take(self, batch: Batch) -> Outcome:
        """Keep the batch, and flush when it is time.

        The batch is kept before anything can fail, and a failed flush keeps all; so when one
        failed, what comes again is not kept twice.
        """
        if batch.offsets and any(self._offsets.get(p) != at for p, at in batch.offsets.items()):
            self._keep(batch)
        is_due = self._clock.monotonic() - self._since >= FLUSH_S or self._bytes >= FLUSH_BYTES
        return self.finish() if self._offsets and is_due else Outcome()

    def finish(self) -> Outcome:
        """Flush what was kept."""
        if not self._offsets:
            return Outcome()
        arrivals = [Arrival(t.event, t.record.partition, t.record.offset) for t in self._taken]
        told = self._writer.sort(arrivals)
        records = {(t.record.partition, t.record.offset): t.record for t in self._taken}
        letters: list[tuple[Record, str]] = [(u.record, u.reason) for u in self._undecodable]
        letters += [(records[c.partition, c.offset], _CONFLICT) for c in told.conflicts]
        if letters:
            self._dead.bury(letters)
        self._writer.flush(told, self._offsets, undecodable=len(self._undecodable))
        self._taken, self._undecodable, self._offsets, self._bytes = [], [], {}, 0
        self._writer.merge_small_files()
        return Outcome(applied=len(told.fresh), skipped=told.duplicates, dead=len(letters))

    def _keep(self, batch: Batch) -> None:
        if not self._offsets:
            self._since = self._clock.monotonic()
        self._taken += batch.taken
        self._undecodable += batch.undecodable
        self._offsets.update(batch.offsets)
        self._bytes += sum(len(taken.record.value) for taken in batch.taken)
