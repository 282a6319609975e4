"""A closed loop: diners of a city ask, look, click, order or leave, under each setting in turn.

Each setting meets the same diners at the same moments with the same luck (common random numbers),
so that differences between settings are differences of their lists. What diners earn the platform
here is incremental revenue: it is caused, not captured; but these diners are simulated.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from maitred.city import City, Response
from maitred.client import Aim, Client, Recommendation
from maitred.client.waits import LATE_MS
from maitred.clock import Clock
from maitred.errors import MaitredError, Refused
from maitred.events import Click, DinerEvent, Order, Traffic
from maitred.seeds import generator
from services.simulator.abandonment import Curve
from services.simulator.diners import Visit, query_of, visit_time

__all__ = ["Arm", "Scene", "live"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scene:
    """What is simulated."""

    city: City
    aims: tuple[Aim, ...]
    curve: Curve
    run: str
    """Goes into every id; at most 24 characters."""
    seed: int
    turns: int = 4
    """Visits of each diner."""
    k: int = 10
    page_ms: float = 500.0
    """What the rest of the page takes, beside the wait for the list."""
    added_ms: float = 0.0
    """Latency added to every wait; it is counted, not slept."""
    feedback: bool = False
    """Whether what diners do is sent to ingest. With several settings each then has diners of its
    own, twins of the others', so that no setting's lists learn from another's."""
    explore: bool = True
    currency: str = "USD"

    def user_id(self, number: int, diner: int) -> str:
        """Return as whom a diner asks under the setting of this number."""
        own = self.city.diners[diner]
        return f"{self.run}-{number}-{own}" if self.feedback and len(self.aims) > 1 else own


@dataclass(slots=True)
class Arm:
    """What happened under one setting; arrays have one entry a diner."""

    aim: Aim
    orders: Floats
    revenue_minor: Floats
    """The platform's share of what was ordered."""
    expected_orders: Floats
    """What the law says the lists were worth: the same without the luck."""
    expected_revenue_minor: Floats
    clicks: int = 0
    visits: int = 0
    abandoned: int = 0
    waited_ms: list[float] = field(default_factory=list)
    rungs: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    regulars: dict[int, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    """Past orders by diner, then restaurant."""

    @classmethod
    def empty(cls, aim: Aim, diners: int) -> "Arm":
        """Return an arm in which nothing happened yet."""
        zeros = [np.zeros(diners) for _ in range(4)]
        return cls(aim, zeros[0], zeros[1], zeros[2], zeros[3])


def live(scene: Scene, client: Client, clock: Clock, on_visit: Callable[[], None]) -> list[Arm]:
    """Let every diner come ``turns`` times under every setting; return one arm a setting.

    Raises:
        Refused: if the service recommends restaurants that this city does not have.
    """
    now = clock.now()
    arms = [Arm.empty(aim, len(scene.city)) for aim in scene.aims]
    for turn in range(scene.turns):
        for diner in range(len(scene.city)):
            for number, arm in enumerate(arms):
                # The same stream under every setting.
                rng = generator(scene.seed, "visit", turn, diner)
                at = visit_time(scene.city.catalogue, now, turn, scene.turns, rng)
                request_id = f"{scene.run}-{number}-{turn}-{diner}"
                visit = Visit(diner, at, request_id, scene.user_id(number, diner))
                _visit(scene, arm, visit, client, rng)
                on_visit()
    return arms


def _visit(scene: Scene, arm: Arm, visit: Visit, client: Client, rng: np.random.Generator) -> None:
    arm.visits += 1
    query = query_of(scene.city, visit, arm.aim, k=scene.k, explore=scene.explore)
    try:
        reply = client.recommend(query)
    except MaitredError as error:
        arm.failures[type(error).__name__] += 1
        return
    arm.waited_ms.append(reply.waited_ms)
    arm.rungs[reply.recommendation.rung] += 1
    arm.failures.update(["late"] if reply.waited_ms > LATE_MS else [])
    shown = _indices(scene.city, reply.recommendation)
    regulars = arm.regulars[visit.diner]
    staying = _staying(scene, visit.diner, reply.waited_ms)
    orders, revenue = scene.city.expected_value(visit.diner, shown, visit.at, regulars)
    arm.expected_orders[visit.diner] += staying * orders
    arm.expected_revenue_minor[visit.diner] += staying * revenue
    if rng.random() >= staying:
        arm.abandoned += 1
        return
    response = scene.city.respond(visit.diner, shown, visit.at, regulars, rng)
    arm.clicks += len(response.clicked)
    if response.ordered is not None:
        regulars[shown[response.ordered]] += 1
        arm.orders[visit.diner] += 1
        arm.revenue_minor[visit.diner] += response.revenue_minor or 0
    if scene.feedback:
        _tell(client, arm, _events(scene, visit, reply.recommendation, response))


def _staying(scene: Scene, diner: int, waited_ms: float) -> float:
    """Share of such diners who still look when the page is there, beside a page without a list."""
    patience = float(scene.city.tastes.patience[diner])
    page_ms = scene.page_ms + scene.added_ms + waited_ms
    return scene.curve.staying(page_ms / patience)


def _indices(city: City, reply: Recommendation) -> list[int]:
    try:
        return [city.catalogue.index[restaurant_id] for restaurant_id in reply.ids]
    except KeyError as error:
        msg = f"the service recommends {error}, which this city does not have"
        raise Refused(
            msg,
            next_step="name the served catalogue with --catalogue, or the seed and sizes of the "
            "`maitred data synth` that the served model was trained on",
        ) from error


def _events(
    scene: Scene, visit: Visit, reply: Recommendation, response: Response
) -> list[DinerEvent]:
    events: list[DinerEvent] = [
        Click(
            event_id=f"{visit.request_id}-c{position}",
            user_id=visit.user_id,
            restaurant_id=reply.ids[position],
            request_id=reply.request_id,
            occurred_at=visit.at,
            traffic=Traffic.SIMULATED,
        )
        for position in response.clicked
    ]
    if response.ordered is not None and response.basket_minor is not None:
        events.append(
            Order(
                event_id=f"{visit.request_id}-o",
                user_id=visit.user_id,
                restaurant_id=reply.ids[response.ordered],
                request_id=reply.request_id,
                occurred_at=visit.at,
                traffic=Traffic.SIMULATED,
                order_id=visit.request_id,
                basket_minor=response.basket_minor,
                platform_revenue_minor=response.revenue_minor,
                currency=scene.currency,
            )
        )
    return events


def _tell(client: Client, arm: Arm, events: list[DinerEvent]) -> None:
    if not events:
        return
    try:
        outcomes = client.send_events(events)
    except MaitredError as error:
        arm.failures[type(error).__name__] += 1
        arm.events["unsent"] += len(events)
        return
    arm.events.update(outcome.status for outcome in outcomes)
