"""A real log, lived again: before each choice the diner is recommended to, then it happens.

The diners' own ids, their order and their choices are kept; moments are not: what is replayed
happens now, because ingest takes no event that is older than its memory of event ids. Everything
says ``traffic=replay``.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from maitred.client import Aim, Client, Outcome, Query
from maitred.client.waits import LATE_MS, Percentiles
from maitred.clock import Clock
from maitred.errors import MaitredError
from maitred.events import DinerEvent, Order
from maitred.seeds import generator
from services.simulator.intervals import Interval, interval
from services.simulator.pace import Pace

__all__ = ["Plan", "Replayed", "replay"]

_UNSENT = 100
"""Events between two choices go out together, but never more than this many."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to replay."""

    run: str
    """Goes into every event's id, so that a second replay is not taken for retries of the first."""
    aim: Aim
    k: int = 10
    rate_per_s: float | None = None
    """Most choices a second; None: as fast as replies come."""
    every: int = 1
    """A list is asked for before every so many-th choice; the events all happen."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay came to."""

    choices: int
    """Those that a list was asked for."""
    hits: int
    hit_rate: Interval
    """Share of choices that the list shown before had in it."""
    events: dict[str, int]
    """By what ingest said of them."""
    rungs: dict[str, int]
    failures: dict[str, int]
    """Requests and batches that failed, by error; a list after 100 ms is ``late``."""
    waited: dict[str, float | int | None]
    """Percentiles of the wait for a list, milliseconds."""


class _Tally:
    def __init__(self) -> None:
        self.hits: list[float] = []
        self.events: Counter[str] = Counter()
        self.rungs: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.waited_ms: list[float] = []

    def count(self, outcomes: Sequence[Outcome]) -> None:
        self.events.update(outcome.status for outcome in outcomes)


def replay(
    events: Sequence[DinerEvent],
    plan: Plan,
    client: Client,
    clock: Clock,
    on_event: Callable[[], None],
) -> Replayed:
    """Replay events in the order given; ``on_event`` is called after each.

    A refused or failed call is counted and the replay goes on: services may be broken on purpose
    while it runs.
    """
    tally, pace, choices = _Tally(), Pace(plan.rate_per_s, clock), 0
    unsent: list[DinerEvent] = []
    for number, event in enumerate(events):
        choice = event if isinstance(event, Order) else None
        choices += choice is not None
        asked = choice if choices % plan.every == 0 else None
        if asked is not None:
            # What the diner did before must be on its way before the list is asked for.
            _send(unsent, client, tally)
            pace.hold()
            _recommend(asked, number, plan, client, tally)
        fresh = {"event_id": f"{plan.run}-{number}", "occurred_at": clock.now()}
        unsent.append(event.model_copy(update=fresh))
        if asked is not None or len(unsent) == _UNSENT:
            _send(unsent, client, tally)
        on_event()
    _send(unsent, client, tally)
    hits = np.array(tally.hits)
    return Replayed(
        choices=hits.size,
        hits=int(hits.sum()),
        hit_rate=interval(hits, generator(0, "replay", plan.run)),
        events=dict(tally.events),
        rungs=dict(tally.rungs),
        failures=dict(tally.failures),
        waited=Percentiles.of(tally.waited_ms).rounded(),
    )


def _recommend(event: Order, number: int, plan: Plan, client: Client, tally: _Tally) -> None:
    query = Query(
        user_id=event.user_id,
        k=plan.k,
        objective=plan.aim.objective,
        revenue_weight=plan.aim.revenue_weight,
        explore=False,
        request_id=f"{plan.run}-{number}",
    )
    try:
        reply = client.recommend(query)
    except MaitredError as error:
        tally.failures[type(error).__name__] += 1
        tally.hits.append(0.0)
        return
    tally.waited_ms.append(reply.waited_ms)
    tally.failures.update(["late"] if reply.waited_ms > LATE_MS else [])
    tally.rungs[reply.recommendation.rung] += 1
    tally.hits.append(float(event.restaurant_id in reply.recommendation.ids))


def _send(unsent: list[DinerEvent], client: Client, tally: _Tally) -> None:
    if not unsent:
        return
    try:
        tally.count(client.send_events(unsent))
    except MaitredError as error:
        tally.failures[type(error).__name__] += 1
        tally.events["unsent"] += len(unsent)
    unsent.clear()
