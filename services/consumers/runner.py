"""The loop of every consumer: poll, apply, commit; and what happens when something is away or wrong.

The same batch is offered until it is taken, so nothing is skipped. A batch that fails for no reason
that waiting would mend is read again in ever smaller parts, and the one record that alone cannot be
taken becomes a dead letter: the partition goes on. The loop ends within seconds of being told to.
"""

import logging
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from maitred.clock import Clock
from maitred.errors import LogUnavailable, MaitredError, StoreChanged, Unavailable
from maitred.observability import Metrics
from services.consumers.batch import Consumer, Outcome
from services.consumers.dead import DeadLetters
from services.eventlog.port import LogReader, Record

__all__ = ["Runner"]

_LOG = logging.getLogger(__name__)
POLL_S = 0.1
PAUSE_S = 0.25
COMMIT_EVERY_S = 0.5
LAG_EVERY_S = 1.0
STALLED_AFTER_S = 30.0
LAST_TRIES = 4
TRIES = 3
"""How often a batch may fail before its records are suspected."""
FEW = 16
"""So many records in a row may be buried; if more fail, it is not the records."""
_WAITED_FOR: Final = (Unavailable, OSError, MemoryError, sqlite3.Error)
"""A server that is away, a disk that is full: no fault of a record, and tried again for ever."""


class Runner:
    """Feeds one consumer from one reader, on the thread that calls :meth:`run`."""

    def __init__(
        self,
        consumer: Consumer,
        reader: LogReader,
        dead: DeadLetters,
        *,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._consumer = consumer
        self._reader = reader
        self._dead = dead
        self._clock = clock
        self._metrics = metrics
        self._stop = threading.Event()
        self._offsets: dict[int, int] = {}
        self._committed_at = self._lag_at = self._turned_at = clock.monotonic()
        self._must_resume = True
        self._failures = 0
        self._suspect: Mapping[int, int] = {}
        """Up to where records are suspected, by partition."""
        self._buried = 0

    def stop(self) -> None:
        """End :meth:`run` soon; safe from any thread and from signal handlers."""
        self._stop.set()

    def is_alive(self) -> bool:
        """Tell whether the loop has turned lately, whether or not what it needs is there."""
        return self._clock.monotonic() - self._turned_at < STALLED_AFTER_S

    def run(self) -> None:
        """Consume until stopped."""
        while not self._stop.is_set():
            if self._must_resume and not self._resume():
                self._stop.wait(PAUSE_S)
                continue
            records = self._reader.poll(POLL_S)
            if self._suspect:
                self._take_in_parts(records)
            else:
                while not self._offer(partial(self._consumer.take, records)):
                    if self._stop.wait(PAUSE_S):
                        break
            self._commit()
            self._measure()
        for _ in range(LAST_TRIES):
            if self._offer(self._consumer.finish):
                break
            self._clock.sleep(PAUSE_S)
        self._commit(is_last=True)

    def _resume(self) -> bool:
        """Go where the consumer says; tell whether it could."""
        error = self._tried(self._go_on)
        if error is not None:
            self._tell(error)
        self._must_resume = error is not None
        return error is None

    def _go_on(self) -> Outcome:
        offsets = self._consumer.resume_at()
        self._reader.rewind()
        self._reader.seek(offsets)
        self._offsets.clear()
        return Outcome()

    def _offer(self, take: Callable[[], Outcome]) -> bool:
        """Try once; tell whether to go on."""
        error = self._tried(take)
        if error is None:
            self._failures = 0
            return True
        self._tell(error)
        if isinstance(error, StoreChanged):
            self._must_resume = True
            return True
        if isinstance(error, _WAITED_FOR):
            return False
        self._failures += 1
        if self._failures < TRIES:
            return False
        self._failures = 0
        self._suspect = self._reader.positions()
        self._consumer.abandon()
        self._must_resume = True
        return True

    def _take_in_parts(self, records: Sequence[Record]) -> None:
        """Take suspected records, whole if possible, else by halves; bury the one that is at fault."""
        parts = [records]
        while parts and not self._stop.is_set():
            part = parts.pop()
            error = self._tried(partial(self._take_to_the_end, part))
            if error is None:
                self._buried = 0
                continue
            self._tell(error)
            if isinstance(error, StoreChanged):
                self._must_resume = True
                return
            self._consumer.abandon()
            if isinstance(error, _WAITED_FOR) or not self._split(part, error, parts):
                parts.append(part)
                self._stop.wait(PAUSE_S)
        at = self._reader.positions()
        if not parts and all(at.get(p, 0) >= until for p, until in self._suspect.items()):
            self._suspect = {}

    def _take_to_the_end(self, records: Sequence[Record]) -> Outcome:
        self._record(self._consumer.take(records))
        return self._consumer.finish()

    def _split(
        self, part: Sequence[Record], error: Exception, parts: list[Sequence[Record]]
    ) -> bool:
        """Halve a part that failed, or bury the only record in it; tell whether that was done."""
        if len(part) > 1:
            half = len(part) // 2
            parts += [part[half:], part[:half]]
            return True
        if not part or self._buried >= FEW or self._fails_on_nothing():
            return False
        reason = f"{self._consumer.name} fails on it: {type(error).__name__}: {error}"
        try:
            self._dead.bury([(part[0], reason)])
        except LogUnavailable as away:
            self._tell(away)
            return False
        self._buried += 1
        self._record(Outcome(dead=1, offsets={part[0].partition: part[0].offset + 1}))
        return True

    def _fails_on_nothing(self) -> bool:
        """Tell whether the consumer fails without any record: then no record is at fault."""
        return self._tried(partial(self._take_to_the_end, ())) is not None

    def _tried(self, step: Callable[[], Outcome]) -> Exception | None:
        """Take a step; return what went wrong."""
        self._turned_at = self._clock.monotonic()
        try:
            self._record(step())
        except Exception as error:  # noqa: BLE001 - outermost loop
            return error
        return None

    def _tell(self, error: Exception) -> None:
        name = self._consumer.name
        if isinstance(error, Unavailable):
            _LOG.warning("%s waits: %s", name, error)
            return
        self._metrics.unexpected.labels(f"consume-{name}").inc()
        _LOG.error("%s failed; the same records are tried again", name, exc_info=error)

    def _record(self, outcome: Outcome) -> None:
        for name in ("applied", "skipped", "dead"):
            count = getattr(outcome, name)
            if count:
                self._metrics.consumed.labels(self._consumer.name, name).inc(count)
        self._offsets.update(outcome.offsets)
        now = self._clock.now().timestamp()
        for appended_ms in outcome.appended_ms:
            self._metrics.freshness.observe(max(0.0, now - appended_ms / 1000))

    def _commit(self, *, is_last: bool = False) -> None:
        now = self._clock.monotonic()
        if not self._offsets or (now - self._committed_at < COMMIT_EVERY_S and not is_last):
            return
        self._committed_at = now
        try:
            self._reader.commit(self._offsets)
        except LogUnavailable as error:
            _LOG.warning("%s: offsets not committed: %s", self._consumer.name, error)
        else:
            self._offsets.clear()

    def _measure(self) -> None:
        now = self._clock.monotonic()
        if now - self._lag_at < LAG_EVERY_S:
            return
        self._lag_at = now
        try:
            ends: Mapping[int, int] = self._reader.end_offsets()
        except MaitredError:
            return
        for partition, at in self._reader.positions().items():
            lag = max(0, ends.get(partition, at) - at)
            self._metrics.lag.labels(self._consumer.name, str(partition)).set(lag)
