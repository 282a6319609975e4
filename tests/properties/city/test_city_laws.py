"""Laws of the diners' choice model."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maitred.catalogue import Catalogue, Restaurant
from maitred.city import City
from maitred.city.law import _order_probabilities
from maitred.seeds import generator

CITY = City.generate(5, restaurants=40, diners=20)
LISTS = st.lists(st.integers(0, 39), max_size=12, unique=True)
DINERS = st.integers(0, 19)


@given(terms=st.lists(st.tuples(st.floats(-6.0, 6.0), st.floats(0.0, 1.0)), min_size=1, max_size=7))
def test_expected_orders_equal_the_sum_over_every_set_of_clicks(
    terms: list[tuple[float, float]],
) -> None:
    weights = np.exp([utility for utility, _ in terms])
    clicked = np.array([chance for _, chance in terms])

    by_hand = np.zeros(len(terms))
    for clicks in product([0.0, 1.0], repeat=len(terms)):
        chosen = np.array(clicks)
        chance = np.prod(np.where(chosen == 1.0, clicked, 1 - clicked))
        by_hand += chance * chosen * weights / (1.0 + chosen @ weights)

    assert _order_probabilities(weights, clicked) == pytest.approx(by_hand, abs=1e-6)


@given(diner=DINERS, shown=LISTS, seed=st.integers(0, 2**32))
def test_a_diner_orders_only_what_was_clicked_and_clicks_only_what_was_shown(
    diner: int, shown: list[int], seed: int
) -> None:
    response = CITY.respond(diner, shown, None, {}, generator(seed))

    assert set(response.clicked) <= set(range(len(shown)))
    assert (response.ordered is None) == (response.basket_minor is None)
    if response.ordered is not None and response.basket_minor is not None:
        assert response.ordered in response.clicked
        rate = CITY.commission_rates[shown[response.ordered]]
        assert response.revenue_minor == round(response.basket_minor * float(rate))


@given(diner=DINERS, shown=LISTS, seed=st.integers(0, 2**32))
def test_the_same_seed_gives_the_same_response(diner: int, shown: list[int], seed: int) -> None:
    one = CITY.respond(diner, shown, None, {}, generator(seed))
    two = CITY.respond(diner, shown, None, {}, generator(seed))

    assert one == two


@given(diner=DINERS, restaurant=st.integers(0, 39), visits=st.integers(1, 50))
def test_a_visit_makes_a_restaurant_dearer_and_no_other(
    diner: int, restaurant: int, visits: int
) -> None:
    before = CITY.utilities(diner, None, {})
    after = CITY.utilities(diner, None, {restaurant: visits})

    assert after[restaurant] > before[restaurant]
    assert np.array_equal(np.delete(after, restaurant), np.delete(before, restaurant))


@given(diner=DINERS, shown=st.lists(st.integers(0, 39), min_size=2, max_size=10, unique=True))
@settings(max_examples=50)
def test_no_list_is_expected_to_bring_more_than_one_order(diner: int, shown: list[int]) -> None:
    orders, revenue = CITY.expected_value(diner, shown, None, {})

    assert 0.0 <= orders <= 1.0
    assert revenue <= (CITY.values_minor * CITY.commission_rates).max()


@given(extra=st.integers(1, 30))
def test_more_diners_leave_the_first_ones_as_they_were(extra: int) -> None:
    larger = City.generate(5, restaurants=40, diners=20 + extra)

    assert larger.diners[:20] == CITY.diners
    assert np.array_equal(larger.utilities(7, None, {}), CITY.utilities(7, None, {}))


@given(count=st.integers(1, 8), seed=st.integers(0, 99))
def test_a_city_over_restaurants_of_which_nothing_is_known_still_works(
    count: int, seed: int
) -> None:
    bare = Catalogue.of(Restaurant(f"r{i}") for i in range(count))

    city = City.over(bare, seed, diners=2)

    assert np.array_equal(city.utilities(0, None, {}), city.quality)
    assert 0.0 <= city.expected_value(0, range(count), None, {})[0] <= 1.0
