"""Says what was shown, without making anybody wait for the log.

A reply leaves a reference on a bounded queue; a thread turns it into an event and hands it to
the log. A full queue or a log that is away costs impressions, which are counted, never replies.
"""

import threading
import uuid
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import orjson

from maitred.events import SCHEMA_VERSION, Traffic
from maitred.observability import Metrics
from services.inference.ask import Ask
from services.inference.shown import Shown

__all__ = ["Impression", "ImpressionLog", "Outlet", "encode"]

QUEUE = 10_000
PAUSE_S = 0.05
_SILENT = frozenset({Traffic.PREVIEW, Traffic.WARMUP})


class Outlet(Protocol):
    """Where impressions go: `services.eventlog.publisher.Publisher.offer`."""

    def __call__(self, key: str, value: bytes, /) -> bool:
        """Hand over one record; never blocks, never raises. False: dropped, and counted there."""


@dataclass(frozen=True, slots=True, eq=False)
class Impression:
    """What one reply showed; ``ids`` are restaurant ids by catalogue row."""

    ask: Ask
    at: datetime
    shown: Shown
    ids: Sequence[str]
    model_version: str | None

    @property
    def user_id(self) -> str:
        """The diner; an anonymous one is a stranger each time."""
        return self.ask.user_id or f"anonymous:{self.ask.request_id}"[:128]


def encode(impression: Impression) -> bytes:
    """Return the event as `maitred.events.encode` would, without building the model."""
    ask, shown, ids = impression.ask, impression.shown, impression.ids
    items = zip(shown.restaurants.tolist(), shown.propensities.tolist(), strict=True)
    pool = zip(shown.pool.tolist(), shown.log_p.tolist(), shown.log_v.tolist(), strict=True)
    event = {
        "type": "impression",
        "schema_version": SCHEMA_VERSION,
        "event_id": uuid.uuid4().hex,
        "user_id": impression.user_id,
        "occurred_at": impression.at,
        "traffic": ask.traffic.value,
        "consent": True,
        "request_id": ask.request_id,
        "items": [
            {"restaurant_id": ids[i], "rank": rank, "propensity": p}
            for rank, (i, p) in enumerate(items, start=1)
        ],
        "pool": [{"restaurant_id": ids[i], "log_p": p, "log_v": v} for i, p, v in pool],
        "model_version": impression.model_version,
        "policy": f"{ask.policy}:{shown.policy.name}" if ask.policy else shown.policy.name,
        "arm": None,
        "rung": shown.rung.value,
        "revenue_weight": shown.policy.weight,
        "temperature": shown.temperature,
        "seed": shown.seed,
    }
    return orjson.dumps(event, option=orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z)


class ImpressionLog:
    """A bounded queue and the thread that empties it."""

    def __init__(self, outlet: Outlet, metrics: Metrics, *, capacity: int = QUEUE) -> None:
        self._outlet = outlet
        self._capacity = capacity
        self._queue: deque[Impression] = deque()
        self._stopping = threading.Event()
        self._dropped = metrics.impressions.labels("dropped")

    def offer(self, impression: Impression) -> None:
        """Remember what was shown; returns at once. Previews and warm-ups leave no trace."""
        if impression.ask.traffic in _SILENT:
            return
        if len(self._queue) >= self._capacity:
            self._dropped.inc()
            return
        self._queue.append(impression)

    @contextmanager
    def pumping(self) -> Iterator[None]:
        """Empty the queue from a thread until the end, and once more then."""
        thread = threading.Thread(target=self._pump, name="impressions", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            thread.join()

    def _pump(self) -> None:
        while not self._stopping.wait(PAUSE_S):
            self._drain()
        self._drain()

    def _drain(self) -> None:
        while self._queue:
            impression = self._queue.popleft()
            self._outlet(impression.user_id, encode(impression))
