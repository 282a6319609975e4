"""Where a record goes now: straight to the log, or to disk and from there, in order, once it is back.

Everything here runs on one thread, but acknowledgements, which come from the log's own.
"""

import logging
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial

from maitred.clock import Clock
from maitred.errors import LogUnavailable, MaitredError, Overloaded, SpoolUnavailable
from maitred.observability import Metrics
from services.eventlog.port import Entry, LogWriter
from services.eventlog.spool import Spool

__all__ = ["Batch", "Delivery", "Limits", "Pending"]

_LOG = logging.getLogger(__name__)
_A_TURN = 250
"""Records read from the spool at a time."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much waits where, and for how long."""

    queued: int = 20_000
    """Records between callers and the log; beyond it callers are told to come back."""
    in_flight: int = 5_000
    """Records sent and not acknowledged."""
    patience_s: float = 1.0
    """Longest wait for an acknowledgement before the spool takes over."""
    drain_patience_s: float = 5.0
    """The same while draining, where nobody waits; then the connection is made anew."""
    drained_per_s: int = 5_000
    """Records that leave the spool: whoever answers diners on this machine needs it more."""
    retry_s: float = 0.2
    """Pause before the log is asked again."""


@dataclass(slots=True)
class Batch:
    """Records whose caller waits until all of them are durable."""

    future: "Future[None]"
    remaining: int


@dataclass(slots=True)
class Pending:
    """One record on its way; ``is_settled``: its caller has been told."""

    entry: Entry
    batch: Batch | None
    """None: nobody waits for it, and it may be dropped."""
    is_settled: bool = False
    is_acked: bool = False
    is_failed: bool = False
    sent_at: float = 0.0


@dataclass(slots=True)
class _Flight:
    """Records of the spool that are on their way to the log, oldest first."""

    sent: deque[Pending] = field(default_factory=deque)
    unsent: deque[Entry] = field(default_factory=deque)
    retry_at: float = 0.0
    refill_at: float = 0.0


class Delivery:
    """Two ways to durable, direct and through the spool, and the changes between them."""

    def __init__(
        self,
        log: LogWriter,
        spool: Spool,
        topic: str,
        *,
        clock: Clock,
        metrics: Metrics,
        limits: Limits,
    ) -> None:
        self._log = log
        self._spool = spool
        self._topic = topic
        self._clock = clock
        self._metrics = metrics
        self._limits = limits
        self._logged = metrics.impressions.labels("logged")
        self._lock = threading.Lock()
        self._is_direct = spool.entries == 0
        self._pending: deque[Pending] = deque()
        self._flight = _Flight()

    @property
    def room(self) -> int:
        """How many records may be sent before more acknowledgements come."""
        return self._limits.in_flight - len(self._pending)

    @property
    def is_busy(self) -> bool:
        """Whether anything waits for the log."""
        return bool(self._pending) or not self._is_direct

    @property
    def spooled(self) -> int:
        """How many records wait on disk."""
        return self._spool.entries

    @property
    def spool_share(self) -> float:
        """How much of the spool's cap is taken, 0 to 1."""
        return self._spool.size_bytes / self._spool.max_bytes

    def deliver(self, records: list[Pending]) -> None:
        """Make these durable, in order, and see to the ones under way; call it also with none."""
        if not self._is_direct:
            self._drain()
        if self._is_direct:
            is_stuck = self._collect()
            refused = records if is_stuck else self._send(records)
            if is_stuck or refused:
                self._divert(refused)
        else:
            self._store(records)
        self._metrics.unacknowledged.set(len(self._pending) + len(self._flight.sent))
        self._metrics.spool_bytes.set(self._spool.size_bytes)

    def _collect(self) -> bool:
        """Forget what was acknowledged; tell whether the oldest of the rest failed or is late."""
        pending = self._pending
        while pending and pending[0].is_acked:
            pending.popleft()
        if not pending:
            return False
        age = self._clock.monotonic() - pending[0].sent_at
        return pending[0].is_failed or age > self._limits.patience_s

    def _send(self, records: list[Pending]) -> list[Pending]:
        """Append in order; return the ones that the log refused to take."""
        for at, record in enumerate(records):
            try:
                self._append(record)
            except LogUnavailable:
                return records[at:]
            self._pending.append(record)
        return []

    def _append(self, record: Pending) -> None:
        record.sent_at = self._clock.monotonic()
        entry = record.entry
        future = self._log.append(self._topic, entry.key, entry.value, entry.headers)
        future.add_done_callback(partial(self._acknowledge, record))

    def _acknowledge(self, record: Pending, done: "Future[None]") -> None:
        if done.exception() is None:
            record.is_acked = True
            self._settle(record)
        else:
            record.is_failed = True

    def _divert(self, refused: list[Pending]) -> None:
        """The log is away or slow: what it did not acknowledge goes to disk, and all that follows.

        What is under way stays so: acknowledged late, it need not be sent again.
        """
        under_way = [record for record in self._pending if not record.is_settled]
        self._pending.clear()
        self._is_direct = False
        self._flight = _Flight()
        _LOG.warning(
            "the log does not answer: %d records to the spool", len(under_way) + len(refused)
        )
        is_whole = self._store(under_way + refused)
        if is_whole and not any(record.is_failed for record in under_way):
            self._spool.read(len(under_way))
            self._flight.sent.extend(under_way)
        else:
            self._log.reset()

    def _store(self, records: list[Pending]) -> bool:
        """Write to disk; tell whether there was room for all of them."""
        if not records:
            return True
        try:
            self._spool.write([record.entry for record in records])
        except (Overloaded, SpoolUnavailable) as error:
            self.refuse([record for record in records if record.batch is None], error)
            awaited = [record for record in records if record.batch is not None]
            if awaited and len(awaited) < len(records):
                self._store(awaited)
            else:
                self.refuse(awaited, error)
            return False
        self._metrics.spooled.inc(len(records))
        for record in records:
            self._settle(record)
        return True

    def _drain(self) -> None:
        """Send what waits in the spool, in order, and go back to direct sending at its end."""
        flight, now = self._flight, self._clock.monotonic()
        self._release()
        if flight.sent and (
            flight.sent[0].is_failed or now - flight.sent[0].sent_at > self._limits.drain_patience_s
        ):
            self._log.reset()
            self._spool.rewind()
            self._flight = _Flight(retry_at=now + self._limits.retry_s)
        elif now >= flight.retry_at:
            self._refill(now)
        if self._spool.entries == 0:
            _LOG.info("the spool is drained")
            self._is_direct = True

    def _release(self) -> None:
        flight, count = self._flight, 0
        while flight.sent and flight.sent[0].is_acked:
            flight.sent.popleft()
            count += 1
        if count:
            self._spool.release(count)

    def _refill(self, now: float) -> None:
        flight = self._flight
        room = self._limits.in_flight - len(flight.sent) - len(flight.unsent)
        if room > 0 and now >= flight.refill_at:
            some = self._spool.read(min(room, _A_TURN))
            flight.unsent.extend(some)
            flight.refill_at = now + len(some) / self._limits.drained_per_s
        while flight.unsent:
            record = Pending(flight.unsent[0], None, is_settled=True)
            try:
                self._append(record)
            except LogUnavailable:
                flight.retry_at = self._clock.monotonic() + self._limits.retry_s
                return
            flight.unsent.popleft()
            flight.sent.append(record)

    def finish(self, within_s: float) -> None:
        """Wait for acknowledgements at most this long, spool what has none, let go of both."""
        deadline = self._clock.monotonic() + within_s
        while self.is_busy and self._clock.monotonic() < deadline:
            self.deliver([])
            self._collect()
            self._clock.sleep(0.005)
        if self._pending:
            self._divert([])
        self._log.close(max(0.0, deadline - self._clock.monotonic()))
        self._spool.close()

    def refuse(self, records: Sequence[Pending], error: MaitredError) -> None:
        """Say that these will not be durable."""
        for record in records:
            if record.is_settled:
                continue
            record.is_settled = True
            if record.batch is None:
                self._metrics.impressions.labels("dropped").inc()
            elif not record.batch.future.done():
                record.batch.future.set_exception(error)

    def _settle(self, record: Pending) -> None:
        """Say that a record is durable, once."""
        with self._lock:
            if record.is_settled:
                return
            record.is_settled = True
            batch = record.batch
            if batch is not None:
                batch.remaining -= 1
            is_complete = batch is not None and batch.remaining == 0
        if batch is None:
            self._logged.inc()
        elif is_complete and not batch.future.done():
            batch.future.set_result(None)
