"""What a closed loop came to: one row a setting, and its difference to the first, paired by diner."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maitred.client.waits import Percentiles
from maitred.seeds import generator
from services.simulator.abandonment import Cost, latency_cost
from services.simulator.intervals import Interval, interval
from services.simulator.loop import Arm, Scene

__all__ = ["Incremental", "SettingResult", "costs_of_slowness", "summarise"]

Floats = NDArray[np.float64]

SLOWER_MS = (50.0, 200.0)
"""Added latencies whose cost is told."""


@dataclass(frozen=True, slots=True)
class Incremental:
    """What a setting earns more than the first one; a diner, paired, minor units."""

    orders_per_diner: Interval
    revenue_per_diner: Interval
    expected_orders_per_diner: Interval
    """The same without the diners' luck: narrower, and right in the same mean."""
    expected_revenue_per_diner: Interval


@dataclass(frozen=True, slots=True)
class SettingResult:
    """One setting; figures a diner over all visits, with 95 % intervals over diners."""

    name: str
    diners: int
    visits: int
    clicks: int
    abandoned: int
    orders: int
    orders_per_diner: Interval
    revenue_per_diner: Interval
    expected_orders_per_diner: Interval
    expected_revenue_per_diner: Interval
    against_first: Incremental | None
    """None for the first setting."""
    waited: dict[str, float | int | None]
    rungs: dict[str, int]
    events: dict[str, int]
    failures: dict[str, int]


def summarise(scene: Scene, arms: list[Arm]) -> list[SettingResult]:
    """Return a result for every arm, in order."""
    first = arms[0]
    return [_result(scene, arm, None if arm is first else first) for arm in arms]


def costs_of_slowness(scene: Scene, arm: Arm) -> list[Cost]:
    """Return what +50 and +200 ms would cost of this arm's orders and revenue, by its curve."""
    waited = Percentiles.of(arm.waited_ms)
    return [
        latency_cost(
            scene.curve,
            added,
            page_ms=scene.page_ms + waited.p50_ms,
            orders=float(arm.orders.sum()),
            revenue=float(arm.revenue_minor.sum()),
        )
        for added in SLOWER_MS
    ]


def _result(scene: Scene, arm: Arm, first: Arm | None) -> SettingResult:
    def mean(what: str, values: Floats) -> Interval:
        # One stream a figure, not a setting: equal differences get equal intervals.
        return interval(values, generator(scene.seed, "bootstrap", what))

    return SettingResult(
        name=arm.aim.name,
        diners=arm.orders.size,
        visits=arm.visits,
        clicks=arm.clicks,
        abandoned=arm.abandoned,
        orders=int(arm.orders.sum()),
        orders_per_diner=mean("orders", arm.orders),
        revenue_per_diner=mean("revenue", arm.revenue_minor),
        expected_orders_per_diner=mean("expected orders", arm.expected_orders),
        expected_revenue_per_diner=mean("expected revenue", arm.expected_revenue_minor),
        against_first=None
        if first is None
        else Incremental(
            mean("orders", arm.orders - first.orders),
            mean("revenue", arm.revenue_minor - first.revenue_minor),
            mean("expected orders", arm.expected_orders - first.expected_orders),
            mean("expected revenue", arm.expected_revenue_minor - first.expected_revenue_minor),
        ),
        waited=Percentiles.of(arm.waited_ms).rounded(),
        rungs=dict(arm.rungs),
        events=dict(arm.events),
        failures=dict(arm.failures),
    )
