"""What is planted in the city shows in what its diners do."""

from datetime import datetime

import numpy as np
import pandas as pd
import pytest

from maitred.city import City
from maitred.seeds import generator
from training.dataset import synthesise

CITY = City.generate(11, restaurants=60, diners=30)
DRAWS = 4_000


def test_orders_and_revenue_come_out_as_expected() -> None:
    shown = list(range(10))
    rng = generator(1)

    responses = [CITY.respond(3, shown, None, {}, rng) for _ in range(DRAWS)]
    orders, revenue = CITY.expected_value(3, shown, None, {})

    ordered = np.array([r.ordered is not None for r in responses], dtype=float)
    earned = np.array([r.revenue_minor or 0 for r in responses], dtype=float)
    assert ordered.mean() == pytest.approx(orders, abs=4 * ordered.std() / DRAWS**0.5)
    assert earned.mean() == pytest.approx(revenue, abs=4 * earned.std() / DRAWS**0.5 + 0.5)


def test_clicks_fall_with_rank_as_the_known_curve() -> None:
    rng = generator(2)
    counts = np.zeros(10)

    for _ in range(DRAWS):
        response = CITY.respond(3, [5] * 10, None, {}, rng)
        counts[list(response.clicked)] += 1

    curve = np.arange(1, 11) ** -CITY.eta
    assert counts / counts.sum() == pytest.approx(curve / curve.sum(), abs=0.02)


def test_nobody_orders_from_a_closed_restaurant() -> None:
    at = datetime(2025, 1, 8, 4, 0)  # noqa: DTZ001 - local time, when most are closed
    is_open = CITY.catalogue.open_at(at)

    utility = CITY.utilities(0, at, {})

    assert np.array_equal(np.isfinite(utility), is_open)
    assert (~is_open).sum() > 0
    closed = np.flatnonzero(~is_open)[:10].tolist()
    assert CITY.respond(0, closed, at, {}, generator(3)).clicked == ()
    assert CITY.expected_value(0, closed, at, {}) == (0.0, 0.0)


def test_diners_who_mind_prices_choose_cheaper_restaurants() -> None:
    minds = CITY.tastes.price_sensitivity
    prices = CITY.catalogue.price_levels

    chosen = np.array(
        [prices[np.argsort(-CITY.utilities(d, None, {}))[:15]].mean() for d in range(30)]
    )

    assert np.corrcoef(minds, chosen)[0, 1] < -0.3


def test_diners_order_more_of_what_they_secretly_love() -> None:
    dataset = synthesise(4, restaurants=80, diners=200, days=21)
    city = City.generate(4, restaurants=80, diners=200)

    diner = {user: i for i, user in enumerate(city.diners)}
    rows = dataset.choices
    liking = city.kitchens @ city.tastes.cuisine.T
    chosen = [
        liking[city.catalogue.index[r], diner[u]]
        for u, r in zip(rows["user_id"], rows["restaurant_id"], strict=True)
    ]

    assert np.mean(chosen) > liking.mean() + 0.5


def test_a_log_has_repeat_visits_and_lists_with_their_propensities() -> None:
    events = synthesise(4, restaurants=80, diners=200, days=21).events

    orders = events[events["type"] == "order"]
    repeats = orders.duplicated(["user_id", "restaurant_id"]).mean()
    listed = events[events["request_id"].notna()]
    assert repeats > 0.1
    assert listed["propensity"].between(0, 1, inclusive="right").all()
    assert listed["rank"].between(1, 10).all()
    assert events.loc[events["request_id"].isna(), "rank"].isna().all()
    clicks = pd.crosstab(listed["rank"], listed["type"])["click"]
    assert clicks.loc[1] > clicks.loc[10]
