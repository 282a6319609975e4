"""The archive made anew from the log, by the archiver's own code, and held against the present one.

Reads the log and the archive, and writes one new folder. Nothing becomes a dead letter a second
time, and no offset is remembered in the log.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from maitred import archive
from maitred.archive.comparison import Comparison, Known, compare
from maitred.archive.writer import open_writer
from maitred.clock import Clock
from maitred.erasure import erasure_key
from maitred.errors import LogUnavailable, Refused
from maitred.settings import Settings
from services.consumers.archiver import ArchiveConsumer
from services.eventlog.port import LogReader, Record

__all__ = ["rebuild"]

Advance = Callable[[int], None]
POLL_S: Final = 0.2
SILENT_S: Final = 20.0
"""Longest time without an answer of the log."""


class _NoLetters:
    """What cannot be archived was buried when it was first read."""

    def bury(self, letters: Sequence[tuple[Record, str]]) -> None:
        """Do nothing."""


def rebuild(
    settings: Settings,
    folder: Path,
    out: Path,
    reader: LogReader,
    *,
    clock: Clock,
    reading: Callable[[int], Advance],
    comparing: Callable[[int], Advance],
) -> Comparison:
    """Make an archive in ``out`` from all that the log holds now; compare ``folder`` with it.

    Erased diners are in neither: what the archive knows of them is taken over first. ``reading``
    and ``comparing`` are told how much there is to do, and return what is told of progress.

    Raises:
        Refused: ``out`` exists, or the archive's tombstones were made with another key.
        LogUnavailable: the log does not answer; ``out`` is incomplete and does not count.
    """
    if out.exists():
        msg = f"{out} exists; nothing was written"
        raise Refused(msg, next_step="name a folder that does not exist")
    key = erasure_key(settings)
    archive.require_key(folder, key)
    out.parent.mkdir(parents=True, exist_ok=True)
    opened = open_writer(
        out, settings.events_topic, clock=clock, dedup_days=settings.dedup_days, erasure_key=key
    )
    with opened as writer:
        writer.remember_erasures(archive.erasures(folder))
        consumer = ArchiveConsumer(writer, _NoLetters(), clock=clock)
        _read_to_its_end(reader, consumer, clock, reading)
        while writer.merge_small_files():
            pass
    done = archive.count(folder, traffic=None) + archive.count(out, traffic=None)
    known = Known(archive.offsets(folder, settings.events_topic), archive.erased(folder), key)
    return compare(folder, out, known, advance=comparing(done))


def _read_to_its_end(
    reader: LogReader,
    consumer: ArchiveConsumer,
    clock: Clock,
    reading: Callable[[int], Advance],
) -> None:
    """Feed the consumer what the log holds as of now."""
    found = _first(reader, clock)
    ends = reader.end_offsets()
    starts = dict(reader.positions())
    for record in found:
        starts[record.partition] = min(record.offset, starts[record.partition])
    advance = reading(sum(end - starts.get(p, 0) for p, end in ends.items()))
    heard_at = clock.monotonic()
    while True:
        records = [r for r in found if r.offset < ends.get(r.partition, 0)]
        consumer.take(records)
        advance(len(records))
        if _is_at(reader.positions(), ends):
            break
        heard_at = clock.monotonic() if found else heard_at
        if clock.monotonic() - heard_at > SILENT_S:
            msg = f"the log gave nothing for {SILENT_S:.0f} s before its end was reached"
            raise LogUnavailable(msg, next_step="is it running? maitred status; then rebuild again")
        found = reader.poll(POLL_S)
    consumer.finish()


def _first(reader: LogReader, clock: Clock) -> Sequence[Record]:
    deadline = clock.monotonic() + SILENT_S
    found = reader.poll(POLL_S)
    while not reader.positions():
        if clock.monotonic() > deadline:
            msg = "the log does not answer"
            raise LogUnavailable(msg, next_step="is it running? maitred status")
        found = reader.poll(POLL_S)
    return found


def _is_at(positions: Mapping[int, int], ends: Mapping[int, int]) -> bool:
    return all(positions.get(partition, 0) >= end for partition, end in ends.items())
