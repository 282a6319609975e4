"""Scenarios as data: who asks for what, and when."""

from itertools import islice

import numpy as np
import pytest

from loadtests.crowd import Crowd, target
from loadtests.places import Place, dinner_time
from loadtests.scenarios import SCENARIOS, Scenario, scenario_named
from maitred.catalogue import Catalogue, Restaurant, parse_hours
from maitred.client import Aim, Query
from maitred.errors import UsageError
from maitred.seeds import generator

EVENING = Place(41.88, -87.63, ("Thai", "Sushi"), 2, parse_hours(["fri 18:00-23:00"]))
NIGHT = Place(41.89, -87.62, ("Diner",), 1, parse_hours(["sat 22:00-04:00"]))
UNKNOWN = Place()


def asked(scenario: Scenario, crowd: Crowd, count: int = 2000, seed: int = 3) -> list[Query]:
    return list(islice(scenario.stream(crowd, Aim("revenue"), explain=False, seed=seed), count))


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=lambda s: s.name)
def test_every_scenario_has_a_rate_throughout_and_says_that_it_is_load(scenario: Scenario) -> None:
    schedule = scenario.schedule(100.0, 60.0)
    crowd = Crowd(("u1",), (EVENING,))

    assert schedule.seconds == pytest.approx(60.0)
    assert min(schedule.rate_at(t) for t in range(60)) > 0
    assert all("traffic=load" in target(query) for query in asked(scenario, crowd, 50))
    assert asked(scenario, crowd, 50) == asked(scenario, crowd, 50)


def test_the_dinner_peak_rises_and_falls_within_the_run() -> None:
    scenario = SCENARIOS["dinner-peak"]
    schedule = scenario.schedule(100.0, 60.0)

    assert scenario.varies
    assert (schedule.rate_at(1), schedule.rate_at(35), schedule.rate_at(59)) == (30, 100, 30)


def test_dinner_asks_near_a_restaurant_at_a_time_when_it_is_open() -> None:
    queries = asked(SCENARIOS["dinner-peak"], Crowd(("u1",), (EVENING, NIGHT)))

    assert {(q.lat, q.lon) for q in queries} == {(41.88, -87.63), (41.89, -87.62)}
    assert {q.radius_km for q in queries} == {1.0, 2.0, 5.0}
    assert all(q.open_at for q in queries)
    assert {q.cuisines for q in queries} == {(), ("Thai",), ("Sushi",), ("Diner",)}
    kinds = {(q.lat, q.radius_km, q.cuisines, q.price_max, q.open_at) for q in queries}
    assert len(kinds) <= 200  # a judge keeps what each set of filters allows


def test_dinner_asks_nothing_that_the_catalogue_does_not_know() -> None:
    plain = {(q.lat, q.radius_km, q.open_at, q.cuisines, q.price_max)
             for q in asked(SCENARIOS["dinner-peak"], Crowd((), (UNKNOWN,)))}  # fmt: skip

    assert plain == {(None, None, None, (), None)}


@pytest.mark.parametrize("place", [EVENING, NIGHT])
def test_a_dinner_time_is_one_at_which_the_place_is_open(place: Place) -> None:
    catalogue = Catalogue.of([Restaurant("a", hours=place.hours, timezone="America/Chicago")])
    rng = generator(1, "dinner")

    from datetime import datetime  # noqa: PLC0415

    times = {dinner_time(place, rng) for _ in range(200)}

    assert len(times) > 5
    assert all(catalogue.open_at(datetime.fromisoformat(str(at)))[0] for at in times)


def test_nobody_is_known_in_the_cold_and_every_second_one_is_anonymous() -> None:
    users = [q.user_id for q in asked(SCENARIOS["cold"], Crowd(("u1",)))]

    assert "u1" not in users
    assert 0.45 < users.count(None) / len(users) < 0.55


def test_steps_rise_by_a_quarter_and_overload_is_half_again_the_knee() -> None:
    steps = SCENARIOS["steps"]
    rates = np.array(steps.steps)

    assert rates[1:] / rates[:-1] == pytest.approx(1.25)
    assert steps.schedule(100.0, 56.0).rate_at(55.9) == pytest.approx(100 * rates[-1])
    assert SCENARIOS["overload"].schedule(400.0, 60.0).peak_per_s == 600.0


def test_a_scenario_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(UsageError, match="lunch") as refused:
        scenario_named("lunch")

    assert "browse, dinner-peak, cold, steps, soak, overload" in str(refused.value.next_step)
