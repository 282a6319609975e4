"""Says what was shown, without making anybody wait for the log.

A reply leaves a small record in a batch; a timer of the event loop sends the batch away, and making
events of it is somebody else's work. Where there is no room, impressions are counted and lost,
never replies.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from maitred.events import Traffic
from maitred.observability import Metrics
from services.inference.channel import Channel
from services.inference.datagram import Impression, pack

__all__ = ["ImpressionLog"]

QUEUE: Final = 10_000
"""Impressions that wait in a worker while the relay takes none: some 20 MB, 25 s at 400/s."""
BATCH_BYTES: Final = 32 * 1024
EVERY_S: Final = 0.02
"""Longest time in the batch while there is room."""
_CLOSING_TURNS: Final = 50
_SILENT: Final = frozenset({Traffic.PREVIEW, Traffic.WARMUP})

Later = Callable[[float, Callable[[], None]], object]
"""An event loop's ``call_later``."""


class ImpressionLog:
    """Collects packed impressions and sends them off in batches; for one event loop."""

    def __init__(
        self, channel: Channel, metrics: Metrics, *, later: Later, capacity: int = QUEUE
    ) -> None:
        self._channel = channel
        self._later = later
        self._capacity = capacity
        self._batch_bytes = min(BATCH_BYTES, channel.limit)
        self._batch: list[bytes] = []
        self._size = 0
        self._sealed: deque[tuple[int, bytes]] = deque()
        self._held = 0
        self._is_due = False
        self._dropped = metrics.impressions.labels("dropped")

    def offer(self, impression: Impression) -> None:
        """Remember what was shown; returns at once. Previews and warm-ups leave no trace."""
        if impression.ask.traffic in _SILENT:
            return
        if self._held >= self._capacity:
            self._dropped.inc()
            return
        try:
            record = pack(impression)
        except (TypeError, ValueError):  # no words for it on the wire; the reply is fine
            self._dropped.inc()
            return
        if len(record) > self._channel.limit:
            self._dropped.inc()
            return
        if self._size + len(record) > self._batch_bytes:
            self._seal()
            self.flush()
        self._batch.append(record)
        self._size += len(record)
        self._held += 1
        if not self._is_due:
            self._is_due = True
            self._later(EVERY_S, self._turn)

    def flush(self) -> bool:
        """Send what waits, oldest first; tell whether nothing waits any more."""
        while self._sealed:
            count, datagram = self._sealed[0]
            if not self._channel.send(datagram):
                return False
            self._sealed.popleft()
            self._held -= count
        if self._batch:
            if not self._channel.send(b"".join(self._batch)):
                return False
            self._held -= len(self._batch)
            self._batch, self._size = [], 0
        return True

    async def close(self) -> None:
        """Send the rest, waiting a second for room; what finds none is counted as dropped."""
        for _ in range(_CLOSING_TURNS):
            if self.flush():
                break
            await asyncio.sleep(EVERY_S)
        else:
            self._dropped.inc(self._held)
            self._batch, self._size, self._held = [], 0, 0
            self._sealed.clear()
        self._channel.close()

    def _turn(self) -> None:
        self._is_due = not self.flush()
        if self._is_due:
            self._later(EVERY_S, self._turn)

    def _seal(self) -> None:
        """Close the batch: it is as long as one datagram should be."""
        if self._batch:
            self._sealed.append((len(self._batch), b"".join(self._batch)))
            self._batch, self._size = [], 0
