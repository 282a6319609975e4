"""The way in for events: durable before it says so, in order per diner, whatever the log does.

A record goes straight to the log while that answers. When an acknowledgement is late or the log
refuses, everything unacknowledged goes to the spool, and newer records queue behind it there until
the spool has been drained in order: so a diner's newer event never overtakes an older one. What
was acknowledged late may stand in the log twice; readers know events by id.

One thread owns the spool and calls the log; callers only put records into a queue.
"""

import logging
import queue
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager

from maitred.clock import Clock
from maitred.errors import LogUnavailable, Overloaded, TooLarge
from maitred.observability import Metrics
from maitred.settings import Settings
from services.eventlog.delivery import Batch, Delivery, Limits, Pending
from services.eventlog.kafka import KafkaLogWriter
from services.eventlog.port import Entry, LogWriter
from services.eventlog.spool import Spool
from services.eventlog.topics import MAX_RECORD_BYTES, bootstrap_of, topics_of

__all__ = ["Limits", "Publisher", "open_publisher"]

NEARLY_FULL = 0.9
"""Share of the spool from which callers should be told to come back."""

_LIMITS = Limits()
_LOG = logging.getLogger(__name__)


class Publisher:
    """Puts records into one topic; safe to call from any thread and any event loop."""

    def __init__(
        self,
        log: LogWriter,
        spool: Spool,
        topic: str,
        *,
        clock: Clock,
        metrics: Metrics,
        limits: Limits = _LIMITS,
    ) -> None:
        self._clock = clock
        self._metrics = metrics
        self._limits = limits
        self._delivery = Delivery(log, spool, topic, clock=clock, metrics=metrics, limits=limits)
        self._queue: queue.SimpleQueue[list[Pending]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._queued = 0
        self._is_closing = False
        self._thread = threading.Thread(target=self._pump, name="publisher", daemon=True)

    def offer(self, entries: Sequence[Entry]) -> bool:
        """Hand over records that nobody waits for: impressions.

        Never blocks and never raises. False: dropped, for the queue is full or one of them too
        large. What becomes of each is counted here, in ``metrics.impressions``: logged (in the log
        or on disk) or dropped. A kill -9 loses the ones of the last moments.
        """
        fitting = [Pending(e, None) for e in entries if len(e.value) <= MAX_RECORD_BYTES]
        taken = len(fitting) if self._enqueue(fitting) else 0
        if taken < len(entries):
            self._metrics.impressions.labels("dropped").inc(len(entries) - taken)
        return taken == len(entries)

    def publish(self, entries: Sequence[Entry]) -> "Future[None]":
        """Hand over records; the future resolves when every one of them is durable.

        Durable is acknowledged by all in-sync replicas, or on this machine's disk (fsync) on the
        way there. Never blocks. The future fails with :class:`~maitred.errors.Overloaded` when
        queue or spool are full, :class:`~maitred.errors.SpoolUnavailable` when the disk refuses,
        :class:`~maitred.errors.TooLarge` for a record over the limit; then some of the records may reach the log all the same. On an event loop:
        ``await asyncio.wrap_future(publisher.publish(entries))``.
        """
        future: Future[None] = Future()
        future.set_running_or_notify_cancel()  # a caller that goes away cancels nothing here
        if not entries:
            future.set_result(None)
        elif any(len(entry.value) > MAX_RECORD_BYTES for entry in entries):
            future.set_exception(TooLarge(f"a record is over {MAX_RECORD_BYTES} bytes"))
        else:
            batch = Batch(future, len(entries))
            if not self._enqueue([Pending(entry, batch) for entry in entries]):
                future.set_exception(Overloaded("too many events wait for the log"))
        return future

    @property
    def spooled(self) -> int:
        """How many records wait on disk."""
        return self._delivery.spooled

    @property
    def is_nearly_full(self) -> bool:
        """Whether the spool needs the room that is left for what is under way: take nothing new."""
        return self._delivery.spool_share >= NEARLY_FULL

    def start(self) -> None:
        """Begin; what an earlier process left in the spool goes first."""
        self._thread.start()

    def close(self, within_s: float) -> None:
        """Take nothing more, send what is queued; what is not acknowledged in time is spooled."""
        with self._lock:
            self._is_closing = True
        self._queue.put([])
        self._thread.join()
        self._delivery.finish(within_s)

    def _enqueue(self, records: list[Pending]) -> bool:
        with self._lock:
            if self._is_closing or self._queued + len(records) > self._limits.queued:
                return False
            self._queued += len(records)
        self._queue.put(records)
        return True

    def _pump(self) -> None:
        while True:
            records = self._take()
            try:
                self._delivery.deliver(records)
            except Exception:  # noqa: BLE001 - outermost loop
                self._metrics.unexpected.labels("publisher").inc()
                _LOG.exception("a turn of the publisher failed")
                self._delivery.refuse(records, LogUnavailable("the publisher failed"))
                self._clock.sleep(self._limits.retry_s)
            if self._is_closing and self._queue.empty():
                return

    def _take(self) -> list[Pending]:
        """Return what is queued, waiting a little for the first."""
        room = self._delivery.room
        if room <= 0:
            self._clock.sleep(0.002)
            return []
        taken: list[Pending] = []
        try:
            taken += self._queue.get(timeout=0.02 if self._delivery.is_busy else 0.5)
            while len(taken) < room:
                taken += self._queue.get_nowait()
        except queue.Empty:
            pass
        with self._lock:
            self._queued -= len(taken)
        return taken


@contextmanager
def open_publisher(
    settings: Settings, name: str, *, clock: Clock, metrics: Metrics, linger_ms: int = 5
) -> Iterator[Publisher]:
    """Yield a started publisher to Kafka's topic of events, with a spool of this process.

    Returns at once, whether or not Kafka can be reached. ``name`` is the program's: its processes
    share ``<state>/spool/<name>-0``, ``-1`` … one each. Closes within three seconds. ``linger_ms``:
    how long a record waits for company; somebody waits for those of ingest, nobody for others.
    """
    topics = topics_of(settings)
    spool = Spool.claim(settings.state_dir / "spool", name, max_bytes=settings.spool_max_bytes)
    log = KafkaLogWriter(bootstrap_of(settings), topics, clock=clock, linger_ms=linger_ms)
    publisher = Publisher(log, spool, topics.events.name, clock=clock, metrics=metrics)
    publisher.start()
    try:
        yield publisher
    finally:
        publisher.close(within_s=2.5)
