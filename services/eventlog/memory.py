"""A log in memory: small, real, and able to go away on demand; for tests and single-process tools.

It keeps the port's promises but not its records: they end with the process.
"""

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from maitred.clock import Clock, SystemClock
from maitred.errors import LogUnavailable
from maitred.ids import bucket
from services.eventlog.port import Headers, Record

__all__ = ["MemoryBroker", "MemoryLogReader", "MemoryLogWriter"]


@dataclass(slots=True)
class MemoryBroker:
    """Where the records are; ``is_away`` makes it refuse and withhold like one that is gone."""

    partitions: int = 1
    is_away: bool = False
    is_silent: bool = False
    """Takes records and never acknowledges them, like one that was just killed."""
    logs: dict[tuple[str, int], list[Record]] = field(default_factory=dict)
    committed: dict[tuple[str, str], dict[int, int]] = field(default_factory=dict)
    changed: threading.Condition = field(default_factory=threading.Condition)
    clock: Clock = field(default_factory=SystemClock)

    def put(self, topic: str, key: str, value: bytes, headers: Headers) -> Record:
        """Store one record and wake readers."""
        partition = bucket(key.encode(errors="replace").decode()) % self.partitions
        now_ms = int(self.clock.now().timestamp() * 1000)
        with self.changed:
            log = self.logs.setdefault((topic, partition), [])
            record = Record(topic, partition, len(log), key, value, headers, now_ms)
            log.append(record)
            self.changed.notify_all()
        return record

    def records(self, topic: str) -> list[Record]:
        """Return every record of a topic, partition by partition."""
        return [
            record
            for (name, _), log in sorted(self.logs.items())
            for record in log
            if name == topic
        ]


@dataclass(slots=True)
class MemoryLogWriter:
    """The way into a :class:`MemoryBroker`."""

    broker: MemoryBroker
    unacknowledged: "list[Future[None]]" = field(default_factory=list)

    def append(self, topic: str, key: str, value: bytes, headers: Headers = ()) -> "Future[None]":
        """See :class:`~services.eventlog.port.LogWriter`."""
        if self.broker.is_away:
            msg = "the log in memory is away"
            raise LogUnavailable(msg)
        future: Future[None] = Future()
        self.broker.put(topic, key, value, headers)
        if self.broker.is_silent:
            self.unacknowledged.append(future)
        else:
            future.set_result(None)
        return future

    def acknowledge(self) -> None:
        """Say at last that everything taken in silence is kept."""
        kept, self.unacknowledged = self.unacknowledged, []
        for future in kept:
            future.set_result(None)

    def reset(self) -> None:
        """See :class:`~services.eventlog.port.LogWriter`."""
        lost, self.unacknowledged = self.unacknowledged, []
        for future in lost:
            future.set_exception(LogUnavailable("given up before it was acknowledged"))

    def close(self, within_s: float) -> None:
        """See :class:`~services.eventlog.port.LogWriter`."""
        del within_s
        self.reset()


@dataclass(slots=True)
class MemoryLogReader:
    """A reader of one topic of a :class:`MemoryBroker`."""

    broker: MemoryBroker
    topic: str
    name: str
    offsets: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        at = self.broker.committed.get((self.name, self.topic), {})
        self.offsets = {p: at.get(p, 0) for p in range(self.broker.partitions)}

    def poll(self, wait_s: float) -> Sequence[Record]:
        """See :class:`~services.eventlog.port.LogReader`."""
        with self.broker.changed:
            self.broker.changed.wait_for(lambda: bool(self._next()), wait_s)
            found = self._next()
        for record in found:
            self.offsets[record.partition] = record.offset + 1
        return found

    def seek(self, offsets: Mapping[int, int]) -> None:
        """See :class:`~services.eventlog.port.LogReader`."""
        for partition, at in offsets.items():
            is_there = at <= len(self.broker.logs.get((self.topic, partition), ()))
            self.offsets[partition] = at if is_there else 0

    def rewind(self) -> None:
        """See :class:`~services.eventlog.port.LogReader`."""
        self.offsets = dict.fromkeys(self.offsets, 0)

    def commit(self, offsets: Mapping[int, int]) -> None:
        """See :class:`~services.eventlog.port.LogReader`."""
        self._require_broker()
        self.broker.committed.setdefault((self.name, self.topic), {}).update(offsets)

    def positions(self) -> Mapping[int, int]:
        """See :class:`~services.eventlog.port.LogReader`."""
        return dict(self.offsets)

    def end_offsets(self) -> Mapping[int, int]:
        """See :class:`~services.eventlog.port.LogReader`."""
        self._require_broker()
        return {p: len(self.broker.logs.get((self.topic, p), ())) for p in self.offsets}

    def close(self) -> None:
        """See :class:`~services.eventlog.port.LogReader`."""

    def _next(self) -> list[Record]:
        if self.broker.is_away:
            return []
        logs = self.broker.logs
        return [r for p, at in self.offsets.items() for r in logs.get((self.topic, p), [])[at:]]

    def _require_broker(self) -> None:
        if self.broker.is_away:
            msg = "the log in memory is away"
            raise LogUnavailable(msg)
