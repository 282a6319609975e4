"""What a log of records is, whoever keeps it: semantics that every adapter is held to.

One contract suite runs against all adapters (tests/contract/eventlog). No technology here.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Entry", "Headers", "LogReader", "LogWriter", "Record"]

Headers = tuple[tuple[str, bytes], ...]
"""Names and values beside a record; order and repetition are kept."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A record on its way to the log."""

    key: str
    value: bytes
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it stands in the log; (topic, partition, offset) names it for ever."""

    topic: str
    partition: int
    offset: int
    key: str
    value: bytes
    headers: Headers = ()
    timestamp_ms: int = 0
    """When it was appended, milliseconds since 1970."""


class LogWriter(Protocol):
    """The way into a log.

    Ordering: records of one topic and key that one writer appended stand in the log in the order
    of the calls, as far as they were acknowledged. Delivery: an append whose future resolved is in
    the log for as long as the topic keeps records; one that failed, or that was cut off by
    :meth:`reset`, may be there or not. Idempotence: one append puts at most one record into the
    log, but appending again after a failure may put a second one there; readers tell them apart
    by event id.
    """

    def append(self, topic: str, key: str, value: bytes, headers: Headers = ()) -> "Future[None]":
        """Hand over one record; never blocks on the network.

        The future resolves on another thread once the log holds the record durably, or fails with
        :class:`~maitred.errors.LogUnavailable`.

        Raises:
            LogUnavailable: the log cannot take it now: away, not known yet, or too many records
                wait for their acknowledgement. Nothing was taken.
        """

    def reset(self) -> None:
        """Give up on every unacknowledged append, whose futures fail, and connect anew.

        Blocks for at most a second.
        """

    def close(self, within_s: float) -> None:
        """Wait for acknowledgements at most this long, then fail what is left. Call once."""


class LogReader(Protocol):
    """One reader of all partitions of one topic, alone: it shares them with nobody.

    Ordering: records of one partition come in offset order without gaps, each once per
    :meth:`seek`; nothing is said between partitions. A topic that is deleted and made anew while
    it is read is read from its beginning. Not for use from two threads.
    """

    def poll(self, wait_s: float) -> Sequence[Record]:
        """Return the next records, waiting at most ``wait_s`` for the first; may be empty.

        A log that is away gives nothing and raises nothing: the reader connects anew by itself.
        """

    def seek(self, offsets: Mapping[int, int]) -> None:
        """Read on from these offsets, by partition; the others stay where they are.

        An offset that the log no longer keeps, or has not reached, means the oldest one that it keeps.
        """

    def rewind(self) -> None:
        """Read every partition from its oldest record, whatever was committed; a later seek holds."""

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Remember, under this reader's name, what to read next after a restart. Blocks ≤ 2 s.

        Raises:
            LogUnavailable: it was not remembered.
        """

    def positions(self) -> Mapping[int, int]:
        """Return the offset that comes next, by partition; empty until the log has answered."""

    def end_offsets(self) -> Mapping[int, int]:
        """Return one past the newest record, by partition. Blocks ≤ 2 s.

        Raises:
            LogUnavailable: the log did not answer.
        """

    def close(self) -> None:
        """Leave within two seconds. Call once."""
