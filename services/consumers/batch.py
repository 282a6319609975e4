"""What a consumer is given and what it gives back; and decoding, where bad records are told apart."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from maitred import events
from maitred.errors import InvalidEvent
from maitred.events import Event
from services.eventlog.headers import type_in
from services.eventlog.port import Record

__all__ = ["Batch", "Consumer", "Outcome", "Taken", "Undecodable", "decode"]


@dataclass(frozen=True, slots=True)
class Taken:
    """An event and the record that carried it."""

    event: Event
    record: Record


@dataclass(frozen=True, slots=True)
class Undecodable:
    """A record that is no event of any known version, and why."""

    record: Record
    reason: str


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one poll, decoded, in the log's order within each partition."""

    taken: Sequence[Taken] = ()
    undecodable: Sequence[Undecodable] = ()
    passed_over: int = 0
    """Records whose header names a type that the consumer has no use for; never opened."""
    offsets: Mapping[int, int] = field(default_factory=dict)
    """What comes next after this batch, by partition."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of records, and what may be committed."""

    applied: int = 0
    skipped: int = 0
    dead: int = 0
    offsets: Mapping[int, int] = field(default_factory=dict)
    """Offsets for the log to remember, which show the lag; empty when nothing is due."""
    appended_ms: Sequence[int] = ()
    """When the applied records were appended, where somebody waits for them to be applied."""


class Consumer(Protocol):
    """What is done with events."""

    @property
    def name(self) -> str:
        """Return the name in metrics, and under which the log remembers offsets."""

    def resume_at(self) -> Mapping[int, int]:
        """Return what to read next, by partition; the others are read from their oldest record.

        Consumers keep it beside what they write: what the log remembers only shows their lag.

        Raises:
            Unavailable: it is asked again after a pause.
        """

    def take(self, records: Sequence[Record]) -> Outcome:
        """Apply the records of one poll, in the log's order within each partition.

        There may be none: time passes for consumers that wait for company.

        Raises:
            StoreChanged: what was written is not there any more: reading goes on at `resume_at`.
            Unavailable: nothing was taken, or taking it again does no harm: the same records come
                again after a pause.
        """

    def finish(self) -> Outcome:
        """Bring what waits to an end."""

    def abandon(self) -> None:
        """Let go of what waits: reading goes on at `resume_at`."""


def decode(records: Sequence[Record], useless: Collection[str] = ()) -> Batch:
    """Return the records as events; those that are none are set apart with the reason.

    Records whose header names a ``useless`` type are counted and not opened.
    """
    taken: list[Taken] = []
    undecodable: list[Undecodable] = []
    offsets: dict[int, int] = {}
    passed_over = 0
    for record in records:
        offsets[record.partition] = record.offset + 1
        if useless and record.headers and type_in(record.headers) in useless:
            passed_over += 1
            continue
        try:
            taken.append(Taken(events.decode(record.value), record))
        except InvalidEvent as error:
            undecodable.append(Undecodable(record, str(error)))
    return Batch(taken, undecodable, passed_over, offsets)
