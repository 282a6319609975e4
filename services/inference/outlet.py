"""The way of impressions into Kafka; importing it loads Kafka's client, which workers do without."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from maitred.clock import Clock
from maitred.observability import Metrics
from maitred.settings import Settings
from services.eventlog.headers import of_type
from services.eventlog.port import Entry
from services.eventlog.publisher import open_publisher
from services.inference.channel import Events, HandOn

__all__ = ["open_outlet"]

_LINGER_MS: Final = 200
"""Nobody waits for an impression, and a batch of many costs less than half of one of few."""
_HEADERS: Final = of_type("impression")


@contextmanager
def open_outlet(settings: Settings, clock: Clock, metrics: Metrics) -> Iterator[HandOn]:
    """Yield what puts events into the log, typed; Kafka need not be there.

    At the end what was handed on is in the log or spooled, within three seconds.
    """
    with open_publisher(
        settings, "inference", clock=clock, metrics=metrics, linger_ms=_LINGER_MS
    ) as publisher:

        def hand_on(events: Events) -> bool:
            return publisher.offer([Entry(key, event, _HEADERS) for key, event in events])

        yield hand_on
