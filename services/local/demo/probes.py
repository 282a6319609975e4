"""What the demo watches while the system works: every reply, every swap, every changed list.

The probes are clients like any other. Their requests are previews, their clicks are simulated
traffic, so neither is ever trained on.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from maitred.client import Client, Query, Reply
from maitred.clock import Clock
from maitred.errors import MaitredError, Refused
from maitred.events import Click, Traffic
from maitred.ids import new_request_id

__all__ = ["Sample", "Watch", "seconds_to_change", "watching"]

_LATE_MS: Final = 100.0
_PAUSE_S: Final = 0.02
_PATIENCE_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One request of the watch."""

    at: float
    """When it was answered, on the monotonic clock, seconds."""
    version: str | None
    failure: str | None = None
    """What was wrong with it; None: nothing."""


@dataclass(slots=True)
class Watch:
    """Replies and flips of the model pointer, in the order they were seen."""

    samples: list[Sample] = field(default_factory=list)
    flips: list[tuple[float, str | None]] = field(default_factory=list)
    """When the pointer first named a version, as seen every 20 ms."""

    @property
    def failures(self) -> list[str]:
        """What was wrong with replies: not answered, over 100 ms, or too short a list."""
        return [sample.failure for sample in self.samples if sample.failure is not None]

    def seconds_to_serving(self) -> float | None:
        """Return the longest time from a flip to the first reply of its version."""
        waits = []
        for at, version in self.flips[1:]:
            served = next((s.at for s in self.samples if s.version == version and s.at >= at), None)
            if served is not None:
                waits.append(served - at)
        return max(waits, default=None)


@contextmanager
def watching(
    inference: str, users: Sequence[str], clock: Clock, pointer: Callable[[], str | None]
) -> Iterator[Watch]:
    """Ask for a list every 20 ms, and for the pointer as often, until the block ends."""
    watch, stop = Watch(), threading.Event()
    threads = [
        threading.Thread(target=_ask, args=(inference, users, clock, watch, stop), daemon=True),
        threading.Thread(target=_follow, args=(pointer, clock, watch, stop), daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        yield watch
    finally:
        stop.set()
        for thread in threads:
            thread.join(timeout=5)


def _ask(
    inference: str, users: Sequence[str], clock: Clock, watch: Watch, stop: threading.Event
) -> None:
    with Client(inference, traffic=Traffic.PREVIEW, clock=clock) as client:
        turn = 0
        while not stop.wait(_PAUSE_S):
            query = Query(user_id=users[turn % len(users)], explore=False)
            turn += 1
            try:
                reply = client.recommend(query)
            except MaitredError as error:
                watch.samples.append(Sample(clock.monotonic(), None, str(error)))
                continue
            failure = _failure(reply, query.k)
            version = reply.recommendation.model_version
            watch.samples.append(Sample(clock.monotonic(), version, failure))


def _failure(reply: Reply, k: int) -> str | None:
    said = reply.recommendation
    if reply.waited_ms > _LATE_MS:
        return (
            f"{reply.waited_ms:.0f} ms at the client, {said.took_ms:.0f} ms in the service "
            f"({said.rung}, {said.model_version})"
        )
    return f"{len(said.items)} restaurants of {k} ({said.rung})" if len(said.items) < k else None


def _follow(
    pointer: Callable[[], str | None], clock: Clock, watch: Watch, stop: threading.Event
) -> None:
    while not stop.wait(_PAUSE_S):
        version = pointer()
        if not watch.flips or watch.flips[-1][1] != version:
            watch.flips.append((clock.monotonic(), version))


def seconds_to_change(inference: str, ingest: str, user_id: str, clock: Clock) -> float:
    """Return how long a click takes to change the scores of *other* restaurants, in seconds.

    Raises:
        Refused: if nothing changes within ten seconds.
    """
    query = Query(user_id=user_id, k=20, explore=False)
    with Client(inference, ingest, traffic=Traffic.SIMULATED, clock=clock) as client:
        before = client.recommend(query).recommendation
        clicked = before.items[-1].restaurant_id
        scores = {item.restaurant_id: item.score for item in before.items}
        click = Click(
            event_id=new_request_id(),
            user_id=user_id,
            restaurant_id=clicked,
            occurred_at=clock.now(),
            traffic=Traffic.SIMULATED,
        )
        started = clock.monotonic()
        client.send_events([click])
        while clock.monotonic() - started < _PATIENCE_S:
            after = client.recommend(query).recommendation
            if any(
                item.score != scores.get(item.restaurant_id, item.score)
                for item in after.items
                if item.restaurant_id != clicked
            ):
                return clock.monotonic() - started
            clock.sleep(_PAUSE_S / 4)
    msg = f"a click of {user_id} changed nothing within {_PATIENCE_S:.0f} s"
    raise Refused(msg, next_step="is the features consumer running? maitred status")
