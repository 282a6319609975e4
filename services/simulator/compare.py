"""The same diners under each setting: quality, money, speed, and how much the lists differ.

Lists are greedy previews: no exploration, no impression, nothing learned. Money here is *captured*
value, the worth of held-out choices that a list contained: how well money is predicted, not what a
setting would cause. What it would cause needs a closed loop, an experiment or a city.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from maitred.city import City
from maitred.client import Aim, Client, Query
from maitred.client.waits import LATE_MS, Percentiles
from maitred.errors import MaitredError
from maitred.events import DinerEvent, Order
from maitred.seeds import generator
from services.simulator.intervals import Interval, interval
from services.simulator.overlap import jaccard, rank_biased_overlap

__all__ = ["Choices", "Compared", "choices_of", "compare"]

Choices = Mapping[str, Mapping[str, int]]
"""Held-out choices: by diner, the value in minor units of each restaurant chosen."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One setting. None: not known from what was given."""

    name: str
    diners: int
    hit_rate: Interval | None
    """Share of diners whose list contains a held-out choice of theirs."""
    captured_per_diner: Interval | None
    """Worth of held-out choices in the list, minor units."""
    expected_orders: Interval | None
    expected_revenue: Interval | None
    """What one showing of the list causes by the city's law, minor units a diner."""
    jaccard: float
    """Mean overlap with the first setting's lists."""
    rank_biased_overlap: float
    waited: dict[str, float | int | None]
    rungs: dict[str, int]
    failures: dict[str, int]


def choices_of(events: Sequence[DinerEvent]) -> Choices:
    """Return the orders of a log as held-out choices; of equal ones the last counts."""
    choices: dict[str, dict[str, int]] = {}
    for event in events:
        if isinstance(event, Order):
            choices.setdefault(event.user_id, {})[event.restaurant_id] = event.basket_minor
    return choices


@dataclass(slots=True)
class _Lists:
    """What one setting answered, a list a diner; a failed request leaves an empty list."""

    aim: Aim
    shown: list[tuple[str, ...]]
    waited_ms: list[float]
    rungs: dict[str, int]
    failures: dict[str, int]

    def ask(self, client: Client, user_id: str, k: int) -> None:
        query = Query(
            user_id=user_id,
            k=k,
            objective=self.aim.objective,
            revenue_weight=self.aim.revenue_weight,
            explore=False,
        )
        try:
            reply = client.recommend(query)
        except MaitredError as error:
            name = type(error).__name__
            self.failures[name] = self.failures.get(name, 0) + 1
            self.shown.append(())
            return
        if reply.waited_ms > LATE_MS:
            self.failures["late"] = self.failures.get("late", 0) + 1
        rung = reply.recommendation.rung
        self.rungs[rung] = self.rungs.get(rung, 0) + 1
        self.waited_ms.append(reply.waited_ms)
        self.shown.append(reply.recommendation.ids)


def compare(
    client: Client,
    users: Sequence[str],
    aims: Sequence[Aim],
    *,
    k: int,
    choices: Choices,
    city: City | None,
    on_diner: Callable[[], None],
) -> list[Compared]:
    """Ask for every diner under every setting, in turns, so that all meet the same conditions."""
    settings = [_Lists(aim, [], [], {}, {}) for aim in aims]
    for user_id in users:
        for setting in settings:
            setting.ask(client, user_id, k)
        on_diner()
    return [_compared(setting, settings[0], users, choices, city) for setting in settings]


def _compared(
    setting: _Lists, first: _Lists, users: Sequence[str], choices: Choices, city: City | None
) -> Compared:
    pairs = list(zip(setting.shown, first.shown, strict=True))
    held_out = [
        (choices[user_id], shown)
        for user_id, shown in zip(users, setting.shown, strict=True)
        if user_id in choices
    ]
    hits = [float(not chosen.keys().isdisjoint(shown)) for chosen, shown in held_out]
    captured = [float(sum(chosen.get(r, 0) for r in shown)) for chosen, shown in held_out]
    orders, revenue = _expected(city, users, setting.shown)
    return Compared(
        name=setting.aim.name,
        diners=len(users),
        hit_rate=_mean("hits", hits),
        captured_per_diner=_mean("captured", captured),
        expected_orders=_mean("orders", orders),
        expected_revenue=_mean("revenue", revenue),
        jaccard=float(np.mean([jaccard(a, b) for a, b in pairs])),
        rank_biased_overlap=float(np.mean([rank_biased_overlap(a, b) for a, b in pairs])),
        waited=Percentiles.of(setting.waited_ms).rounded(),
        rungs=setting.rungs,
        failures=setting.failures,
    )


def _expected(
    city: City | None, users: Sequence[str], shown: Sequence[Sequence[str]]
) -> tuple[list[float], list[float]]:
    """Price the lists of those diners who live in the city; others have no known tastes."""
    if city is None:
        return [], []
    diners = {user_id: number for number, user_id in enumerate(city.diners)}
    known = city.catalogue.index
    pairs = [
        city.expected_value(diners[user_id], [known[r] for r in ids if r in known], None, {})
        for user_id, ids in zip(users, shown, strict=True)
        if user_id in diners
    ]
    return [orders for orders, _ in pairs], [revenue for _, revenue in pairs]


def _mean(what: str, values: Sequence[float]) -> Interval | None:
    return interval(np.array(values), generator(0, "compare", what)) if values else None
