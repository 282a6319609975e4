"""Impressions for tests, and a relay on a thread of the test's own."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import numpy as np
from prometheus_client import CollectorRegistry

from maitred import events
from maitred.clock import SystemClock
from maitred.events import Traffic
from maitred.observability import Metrics
from maitred.policy import resolve
from services.inference.ask import Ask
from services.inference.channel import HandOn
from services.inference.datagram import Impression, pack, unpack
from services.inference.relay import Relay
from services.inference.shown import Rung, Shown

NOW = datetime(2026, 5, 1, 12, 30, 15, 250_000, tzinfo=UTC)
IDS = tuple(f"r{i:03}" for i in range(60))


def impression(
    number: int,
    *,
    places: int = 10,
    ids: tuple[str, ...] = IDS,
    pool: int = 50,
    user_id: str | None = None,
    traffic: Traffic = Traffic.LIVE,
) -> Impression:
    """One that tells from every other by its number: seed, request id, diner and floats."""
    rng = np.random.default_rng(number)
    rows = rng.permutation(len(ids))[: max(pool, places)]
    shown = Shown(
        Rung.PERSONALISED,
        resolve(None, 0.25, balanced_weight=0),
        rows[:places],
        rng.normal(size=places),
        rng.random(places),
        rows[:pool],
        rng.normal(size=pool),
        rng.normal(size=pool),
        temperature=0.1,
        seed=number,
    )
    diner = user_id or f"u{number % 7}"
    ask = Ask(f"request-{number}", user_id=diner, traffic=traffic)
    return Impression(ask, NOW, shown, ids, "clicks-0123456789ab")


def encode(shown: Impression) -> bytes:
    """Return the event that this impression becomes."""
    [(_, event)] = unpack(pack(shown))
    return event


def told(raw: bytes) -> dict[str, object]:
    """What an event says beside its own id."""
    event = events.decode(raw)
    assert isinstance(event, events.Impression)
    assert events.encode(event) == raw
    return event.model_dump(exclude={"event_id"})


def fresh_metrics() -> Metrics:
    return Metrics(CollectorRegistry())


def counted(metrics: Metrics, outcome: str) -> float:
    name = "maitred_impressions_total"
    return metrics.registry.get_sample_value(name, {"outcome": outcome}) or 0.0


@contextmanager
def relaying(receiver: socket.socket, hand_on: HandOn, metrics: Metrics) -> Iterator[Relay]:
    """Run a relay on a thread; at the end it hands on what still waits."""
    relay = Relay(receiver, hand_on, clock=SystemClock(), metrics=metrics)
    thread = threading.Thread(target=relay.run)
    thread.start()
    try:
        yield relay
    finally:
        relay.stop()
        thread.join(10)
        assert not thread.is_alive()
