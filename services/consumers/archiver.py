"""Every event of the log into the archive, exactly once; what cannot go there becomes a dead letter.

Offsets are kept in the archive's ledger, never in the log: they must change with the data.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, Protocol

from maitred import events
from maitred.archive.rows import Arrival
from maitred.archive.writer import ArchiveWriter
from maitred.clock import Clock
from maitred.errors import InvalidEvent
from services.consumers.batch import Outcome
from services.eventlog.port import Record

__all__ = ["ArchiveConsumer", "Letters"]

FLUSH_S: Final = 1.0
"""Longest time a record waits in memory."""
FLUSH_BYTES: Final = 8 * 1024 * 1024
"""Bytes of records at which a flush does not wait."""
_CONFLICT: Final = "event_id: was archived with another body"


class Letters(Protocol):
    """Where records go that cannot be archived."""

    def bury(self, letters: Sequence[tuple[Record, str]]) -> None:
        """Keep these records, each with its reason; see :class:`~services.consumers.dead.DeadLetters`."""


def _nobody(users: Collection[str]) -> None:
    """Forget nobody: there are no dead letters to look through."""


class ArchiveConsumer:
    """Collects records for a moment, then flushes them with the offsets they reach.

    ``forget`` is called with the diners whom a batch erases, after its dead letters were buried and
    before it is flushed: killed between the two it is called again, so it must bear repetition.
    Where it raises :class:`~maitred.errors.Unavailable` nothing was flushed.
    """

    name = "archive"

    def __init__(
        self,
        writer: ArchiveWriter,
        dead: Letters,
        *,
        clock: Clock,
        forget: Callable[[Collection[str]], object] = _nobody,
    ) -> None:
        self._writer = writer
        self._dead = dead
        self._clock = clock
        self._forget = forget
        self._tidied_at = clock.monotonic()
        self._records: list[Record] = []
        self._arrivals: list[Arrival] = []
        self._undecodable: list[tuple[Record, str]] = []
        self._offsets: dict[int, int] = {}
        self._bytes = 0
        self._since = 0.0

    def resume_at(self) -> Mapping[int, int]:
        """See :class:`~services.consumers.batch.Consumer`."""
        return self._writer.resume_at()

    def take(self, records: Sequence[Record]) -> Outcome:
        """Keep the records, and flush when it is time.

        They are kept before anything can fail, and a failed flush keeps all; so when one failed,
        what comes again is not kept twice.
        """
        offsets = {record.partition: record.offset + 1 for record in records}
        if any(self._offsets.get(p) != at for p, at in offsets.items()):
            self._keep(records, offsets)
        is_due = self._clock.monotonic() - self._since >= FLUSH_S or self._bytes >= FLUSH_BYTES
        if self._offsets and is_due:
            return self.finish()
        if not self._offsets and self._clock.monotonic() - self._tidied_at >= FLUSH_S:
            self._tidy()
        return Outcome()

    def finish(self) -> Outcome:
        """Flush what was kept."""
        if not self._offsets:
            return Outcome()
        told = self._writer.sort(self._arrivals)
        conflicts = {(arrival.partition, arrival.offset) for arrival in told.conflicts}
        letters = self._undecodable + [
            (record, _CONFLICT)
            for record in self._records
            if (record.partition, record.offset) in conflicts
        ]
        if letters:
            self._dead.bury(letters)
        if told.erasures:
            self._forget(told.erased_users)
        self._writer.flush(told, self._offsets, undecodable=len(self._undecodable))
        self._records, self._arrivals, self._undecodable = [], [], []
        self._offsets, self._bytes = {}, 0
        self._tidy()
        return Outcome(
            applied=len(told.fresh) + len(told.erasures),
            skipped=told.duplicates + len(told.dropped),
            dead=len(letters),
        )

    def _tidy(self) -> None:
        """Merge what is due, also when nothing comes: the day may be over."""
        self._writer.merge_small_files()
        self._tidied_at = self._clock.monotonic()

    def abandon(self) -> None:
        """See :class:`~services.consumers.batch.Consumer`."""
        self._records, self._arrivals, self._undecodable = [], [], []
        self._offsets, self._bytes = {}, 0

    def _keep(self, records: Sequence[Record], offsets: Mapping[int, int]) -> None:
        if not self._offsets:
            self._since = self._clock.monotonic()
        for record in records:
            try:
                event = events.decode(record.value)
            except InvalidEvent as error:
                self._undecodable.append((record, str(error)))
            else:
                self._records.append(record)
                self._arrivals.append(Arrival.of(event, record.partition, record.offset))
        self._bytes += sum(len(record.value) for record in records)
        self._offsets.update(offsets)
