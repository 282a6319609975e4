"""The loop of every consumer: poll, apply, commit; and what happens when something is away.

The same batch is offered until it is taken, so nothing is skipped; a record that cannot be decoded
is no reason to stop. The loop ends within seconds of being told to.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from functools import partial

from maitred.clock import Clock
from maitred.errors import LogUnavailable, MaitredError, Unavailable
from maitred.observability import Metrics
from services.consumers.batch import Consumer, Outcome
from services.eventlog.port import LogReader

__all__ = ["Runner"]

_LOG = logging.getLogger(__name__)
POLL_S = 0.1
PAUSE_S = 0.25
COMMIT_EVERY_S = 0.5
LAG_EVERY_S = 1.0
STALLED_AFTER_S = 30.0
LAST_TRIES = 4


class Runner:
    """Feeds one consumer from one reader, on the thread that calls :meth:`run`."""

    def __init__(
        self, consumer: Consumer, reader: LogReader, *, clock: Clock, metrics: Metrics
    ) -> None:
        self._consumer = consumer
        self._reader = reader
        self._clock = clock
        self._metrics = metrics
        self._stop = threading.Event()
        self._offsets: dict[int, int] = {}
        self._committed_at = self._lag_at = self._turned_at = clock.monotonic()

    def stop(self) -> None:
        """End :meth:`run` soon; safe from any thread and from signal handlers."""
        self._stop.set()

    def is_alive(self) -> bool:
        """Tell whether the loop has turned lately, whether or not what it needs is there."""
        return self._clock.monotonic() - self._turned_at < STALLED_AFTER_S

    def run(self) -> None:
        """Consume until stopped."""
        self._reader.seek(self._consumer.resume_at())
        while not self._stop.is_set():
            take = partial(self._consumer.take, self._reader.poll(POLL_S))
            while not self._offer(take) and not self._stop.wait(PAUSE_S):
                pass
            self._commit()
            self._measure()
        for _ in range(LAST_TRIES):
            if self._offer(self._consumer.finish):
                break
            self._clock.sleep(PAUSE_S)
        self._commit(is_last=True)

    def _offer(self, take: Callable[[], Outcome]) -> bool:
        """Try once; tell whether it was taken."""
        self._turned_at = self._clock.monotonic()
        try:
            self._record(take())
        except Unavailable as error:
            _LOG.warning("%s waits: %s", self._consumer.name, error)
        except Exception:  # noqa: BLE001 - outermost loop
            self._metrics.unexpected.labels(f"consume-{self._consumer.name}").inc()
            _LOG.exception("%s failed; the same batch is tried again", self._consumer.name)
        else:
            return True
        return False

    def _record(self, outcome: Outcome) -> None:
        for name in ("applied", "skipped", "dead"):
            count = getattr(outcome, name)
            if count:
                self._metrics.consumed.labels(self._consumer.name, name).inc(count)
        self._offsets.update(outcome.offsets)

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
