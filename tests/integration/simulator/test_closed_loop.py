"""Diners of a city whose tastes are known: what better lists earn, and what slow ones lose."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from maitred.city import City
from maitred.client import Aim, Client
from maitred.clock import SystemClock
from maitred.errors import Refused
from maitred.events import Traffic
from services.simulator.abandonment import CURVES, curve_of
from services.simulator.compare import compare
from services.simulator.loop import Arm, Scene, live
from services.simulator.summary import costs_of_slowness, summarise
from tests.support.contract_server import ContractServer, contract_server

CITY = City.generate(3, restaurants=60, diners=25)
AIMS = (Aim("clicks"), Aim("revenue"))


def best_first(key: Callable[[int, int], float]) -> Callable[[dict[str, list[str]]], list[str]]:
    """Lists that know the diners: restaurants by what they are to this diner, by ``key``."""

    def listed(query: dict[str, list[str]]) -> list[str]:
        diner = int(query["user_id"][0].rpartition("d")[2])
        order = sorted(range(len(CITY.catalogue)), key=lambda r: -key(diner, r))
        return [CITY.catalogue.ids[r] for r in order]

    return listed


def liked(diner: int, restaurant: int) -> float:
    return float(CITY.utilities(diner, None, {})[restaurant])


def disliked(diner: int, restaurant: int) -> float:
    return -liked(diner, restaurant)


@pytest.fixture
def server() -> Iterator[ContractServer]:
    with contract_server() as running:
        running.catalogue = CITY.catalogue.ids
        good, bad = best_first(liked), best_first(disliked)
        # "revenue" knows what diners like, "clicks" what they do not.
        running.lists = lambda q: good(q) if q.get("objective") == ["revenue"] else bad(q)
        yield running


SCENE = Scene(city=CITY, aims=AIMS, curve=CURVES["none"], run="sim1", seed=1, turns=2)


def lived(server: ContractServer, scene: Scene) -> list[Arm]:
    with Client(server.url, server.url, traffic=Traffic.SIMULATED) as client:
        return live(scene, client, SystemClock(), lambda: None)


def test_lists_that_diners_like_earn_more_and_the_interval_says_so(server: ContractServer) -> None:
    clicks, revenue = summarise(SCENE, lived(server, SCENE))

    assert clicks.against_first is None
    assert revenue.against_first is not None
    value, low, high = revenue.against_first.expected_revenue_per_diner
    assert 0 < low < value < high
    assert revenue.orders > clicks.orders
    assert (revenue.diners, revenue.visits) == (25, 50)


def test_the_same_lists_earn_exactly_the_same_under_two_names(server: ContractServer) -> None:
    server.lists = best_first(liked)

    first, second = lived(server, SCENE)

    assert np.array_equal(first.revenue_minor, second.revenue_minor)
    assert np.array_equal(first.expected_orders, second.expected_orders)


def test_requests_are_simulated_and_say_where_and_when(server: ContractServer) -> None:
    lived(server, replace(SCENE, turns=1))

    query = server.queries[0]
    assert query["traffic"] == ["simulated"]
    assert query["user_id"] == ["d00000"]
    assert {"lat", "lon", "open_at"} <= query.keys()
    assert server.events == []


def test_with_feedback_each_setting_has_twins_of_its_own(server: ContractServer) -> None:
    (arm, other) = lived(server, replace(SCENE, feedback=True))

    users = {event["user_id"] for event in server.events}
    assert {user.rpartition("-")[0] for user in users} == {"sim1-0", "sim1-1"}
    assert {event["traffic"] for event in server.events} == {"simulated"}
    ordered = [event for event in server.events if event["type"] == "order"]
    assert len(ordered) == int(arm.orders.sum() + other.orders.sum())
    assert all(event["platform_revenue_minor"] <= event["basket_minor"] for event in ordered)


def test_when_pages_take_ever_longer_everybody_leaves(server: ContractServer) -> None:
    gone = replace(SCENE, curve=curve_of("0:1,1000:1,1001:0"), added_ms=60_000.0)

    arms = lived(server, gone)

    assert [arm.abandoned for arm in arms] == [50, 50]
    assert [arm.orders.sum() for arm in arms] == [0, 0]
    assert [arm.expected_orders.sum() for arm in arms] == [0, 0]


def test_slowness_is_priced_by_the_curve(server: ContractServer) -> None:
    scene = replace(SCENE, curve=CURVES["google"])

    arms = lived(server, scene)
    small, large = costs_of_slowness(scene, arms[1])

    assert (small.added_ms, large.added_ms) == (50.0, 200.0)
    assert 0 < small.lost_conversion < large.lost_conversion < 0.1
    assert large.lost_revenue == pytest.approx(large.lost_conversion * arms[1].revenue_minor.sum())


def test_a_service_over_another_catalogue_is_refused_with_what_to_do(
    server: ContractServer,
) -> None:
    server.lists = lambda _: ["somewhere-else"]

    with pytest.raises(Refused, match="somewhere-else") as raised:
        lived(server, SCENE)

    assert "--catalogue" in str(raised.value.next_step)


def test_compare_shows_quality_money_and_overlap_of_the_same_diners(
    server: ContractServer,
) -> None:
    loved = {user: best_first(liked)({"user_id": [user]})[0] for user in CITY.diners}
    choices = {user: {restaurant: 1000} for user, restaurant in loved.items()}

    with Client(server.url, traffic=Traffic.PREVIEW) as client:
        clicks, revenue = compare(
            client, CITY.diners, AIMS, k=10, choices=choices, city=CITY, on_diner=lambda: None
        )

    assert revenue.hit_rate == (1.0, 1.0, 1.0)
    assert clicks.hit_rate == (0.0, 0.0, 0.0)
    assert revenue.captured_per_diner == (1000.0, 1000.0, 1000.0)
    assert revenue.expected_revenue is not None
    assert clicks.expected_revenue is not None
    assert revenue.expected_revenue[0] > clicks.expected_revenue[0]
    assert clicks.jaccard == clicks.rank_biased_overlap == pytest.approx(1.0)
    assert revenue.jaccard == revenue.rank_biased_overlap == 0.0
    assert {query["traffic"][0] for query in server.queries} == {"preview"}
    assert {query["explore"][0] for query in server.queries} == {"false"}
