"""The loop turns once: what diners do is replayed, a new model learns from it and takes over."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import numpy as np
from rich.progress import Progress

from maitred.client import Aim, Client, Query
from maitred.clock import Clock
from maitred.errors import Refused
from maitred.events import Click, DinerEvent, Order, Traffic
from maitred.seeds import generator
from maitred.store import models
from maitred.store.client import Redis, connect
from services.local.demo.probes import Watch, seconds_to_change, watching
from services.local.demo.report import Comparison
from services.local.demo.stage import Stage
from services.local.stack import Stack
from services.simulator.intervals import interval
from services.simulator.replay import Plan, Replayed, replay

__all__ = ["Later", "Turned", "part", "turn"]

REPLAYED: Final = 2 / 7
"""Share of the log that is replayed before the models are compared on the rest."""

COMPARED: Final = 1500
"""Choices of the rest that both models are asked for."""

_ASKED_EVERY: Final = 10
_HISTORY: Final = 50
_PROBES: Final = 5
_PATIENCE_S: Final = 300.0
_POLL_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Turned:
    """What was seen while the loop turned."""

    replayed: Replayed
    event_to_change_s: float
    watch: Watch
    retrained_version: str | None
    against_frozen: Comparison | None


@dataclass(frozen=True, slots=True)
class Later:
    """A choice after the replay, and what its diner did between the replay and it."""

    choice: str
    history: tuple[str, ...]
    """Restaurants, most recent first; never empty."""


def part(log: Sequence[DinerEvent]) -> tuple[list[DinerEvent], list[Later]]:
    """Return what is replayed, and later choices of diners of whom something is known by then.

    The cut falls after a choice, so that no session is torn.
    """
    orders = [number for number, event in enumerate(log) if isinstance(event, Order)]
    cut = orders[int(len(orders) * REPLAYED) - 1] + 1
    visited: dict[str, list[str]] = defaultdict(list)
    later: list[Later] = []
    for event in log[cut:]:
        if len(later) == COMPARED:
            break
        if not isinstance(event, Click | Order):
            continue
        before = visited[event.user_id]
        if isinstance(event, Order) and before:
            history = tuple(dict.fromkeys(reversed(before)))[:_HISTORY]
            later.append(Later(event.restaurant_id, history))
        before.append(event.restaurant_id)
    return list(log[:cut]), later


def turn(stage: Stage, stack: Stack, log: Sequence[DinerEvent]) -> Turned:
    """Replay, wait for the model that learns from it, and compare it with the one before."""
    inference, ingest = stack.urls["inference"], stack.urls["ingest"]
    replayed_part, rest = part(log)
    changed_s = max(
        seconds_to_change(inference, ingest, user, stage.clock) for user in stage.diners[:_PROBES]
    )
    with (
        connect(stack.urls["valkey"]) as redis,
        watching(inference, stage.diners, stage.clock, lambda: _current(redis)) as watch,
    ):
        first = models.current(redis)
        frozen = first.clicks
        replayed = _replay(stage, stack, replayed_part)
        retrained = _successor(stage, redis, "clicks", frozen)
        compared = None
        if retrained is not None:
            compared = _compare(stage, stack, redis, retrained, rest)
            # What is measured next should have the machine for itself.
            _successor(stage, redis, "revenue", first.revenue)
    return Turned(replayed, changed_s, watch, retrained, compared)


def _replay(stage: Stage, stack: Stack, log: Sequence[DinerEvent]) -> Replayed:
    inference, ingest = stack.urls["inference"], stack.urls["ingest"]
    plan = Plan("demo", Aim.named("clicks"), every=_ASKED_EVERY)
    with (
        Client(inference, ingest, traffic=Traffic.REPLAY, clock=stage.clock) as client,
        _bar(stage, "diners come, look and choose", len(log)) as progress,
    ):
        task = progress.task_ids[0]
        result = replay(log, plan, client, stage.clock, lambda: progress.advance(task))
    stage.console.print(
        f"  [green]✓[/] {len(log):,} events sent; lists asked for before {result.choices:,} "
        f"choices held {result.hit_rate[0]:.1%} of them"
    )
    return result


def _successor(stage: Stage, redis: Redis, objective: str, frozen: str | None) -> str | None:
    """Wait until the retraining consumer promoted another model; None: it did not in time."""
    started = stage.clock.monotonic()
    with _bar(stage, f"a new model for {objective} learns from the archive", None):
        while stage.clock.monotonic() - started < _PATIENCE_S:
            version = models.current(redis).version(objective)
            if version != frozen:
                seconds = stage.clock.monotonic() - started
                stage.console.print(
                    f"  [green]✓[/] {version} took over from {frozen} [dim]{seconds:.0f} s[/]"
                )
                return version
            stage.clock.sleep(_POLL_S)
    stage.console.print(f"  [yellow]no new model for {objective}[/]; see the stack's logs")
    return None


def _compare(
    stage: Stage, stack: Stack, redis: Redis, retrained: str, rest: Sequence[Later]
) -> Comparison:
    """Ask both models, as they are served, with the same histories."""
    hits = {}
    inference = stack.urls["inference"]
    with Client(inference, traffic=Traffic.PREVIEW, clock=stage.clock) as client:
        hits["retrained"] = _hits(client, retrained, rest, stage.clock)
        frozen = models.rollback(redis, "clicks").clicks
        hits["frozen"] = _hits(client, str(frozen), rest, stage.clock)
        models.rollback(redis, "clicks")
        _wait_for(client, retrained, stage.clock)
    gain = np.array(hits["retrained"]) - np.array(hits["frozen"])
    compared = Comparison(n=gain.size, hit_rate_10=interval(gain, generator(0, "demo", "frozen")))
    stage.console.print(
        f"  [green]✓[/] rolled back and forth under requests; on "
        f"{gain.size:,} later choices the new model is {compared.hit_rate_10[0]:+.4f} in hit rate@10"
    )
    return compared


def _hits(client: Client, version: str, later: Sequence[Later], clock: Clock) -> list[float]:
    _wait_for(client, version, clock)
    hits = []
    for one in later:
        query = Query(history=one.history, explore=False)
        said = client.recommend(query).recommendation
        if said.model_version != version:
            msg = f"{said.model_version} answered while {version} was asked"
            raise Refused(msg, next_step="does something else promote models on the demo's stack?")
        hits.append(float(one.choice in said.ids))
    return hits


def _wait_for(client: Client, version: str, clock: Clock) -> None:
    deadline = clock.monotonic() + _PATIENCE_S / 10
    while client.recommend(Query(explore=False)).recommendation.model_version != version:
        if clock.monotonic() > deadline:
            msg = f"{version} was promoted but is not served"
            raise Refused(msg, next_step="see the log of inference")
        clock.sleep(_POLL_S / 5)


def _current(redis: Redis) -> str | None:
    return models.current(redis).clicks


@contextmanager
def _bar(stage: Stage, label: str, total: int | None) -> Iterator[Progress]:
    idle = not stage.console.is_terminal
    with Progress(console=stage.console, transient=True, disable=idle) as progress:
        progress.add_task(label, total=total)
        yield progress
