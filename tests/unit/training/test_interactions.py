"""A data set as arrays: who visited what, how lately, and what a choice is worth."""

import numpy as np
import pandas as pd
import pytest

from tests.support.datasets import small_dataset
from training import objectives
from training.dataset import split
from training.models.cases import cases_of
from training.models.interactions import interactions_of

MOMENT = pd.Timestamp("2026-05-01T19:00:00Z")


def test_a_history_is_most_recent_first_and_ties_keep_the_order_of_events():
    dataset = small_dataset(
        [
            {"user_id": "b", "restaurant_id": "r3"},
            {"user_id": "a", "restaurant_id": "r1", "occurred_at": MOMENT, "type": "click"},
            {"user_id": "a", "restaurant_id": "r2", "occurred_at": MOMENT, "type": "click"},
            {"user_id": "a", "restaurant_id": "r1", "occurred_at": MOMENT},
        ]
    )

    data = interactions_of(dataset)

    assert data.users == ("a", "b")
    assert data.items.tolist() == [0, 1, 2]  # a: r1 was last, then r2; b: r3
    assert data.indptr.tolist() == [0, 2, 3]
    assert data.choices.tolist() == [1.0, 0.0, 1.0]
    assert data.at.tolist()[0] == MOMENT.timestamp()


def test_what_was_only_seen_or_was_dismissed_is_no_visit():
    dataset = small_dataset(
        [{"type": "seen"}, {"type": "dismiss", "restaurant_id": "r2"}, {"restaurant_id": "r3"}]
    )

    assert interactions_of(dataset).popularity.tolist() == [0.0, 0.0, 1.0]


def test_popularity_counts_diners_and_choices_count_choices():
    dataset = small_dataset([{"user_id": u} for u in ("a", "a", "b")])

    data = interactions_of(dataset)

    assert (data.popularity[0], data.choice_counts[0]) == (2.0, 3.0)


def test_visits_fade_with_their_place_and_end_after_a_hundred():
    rows = [{"restaurant_id": f"r{i:03}"} for i in range(120)]

    faded = interactions_of(small_dataset(rows, restaurant_id=[])).faded(0.5).toarray()[0]

    assert faded[119] == 1.0
    assert faded[116] == pytest.approx(0.5)
    assert np.count_nonzero(faded) == 100


def test_known_restaurants_are_told_from_new_ones():
    dataset = small_dataset(
        [
            {"restaurant_id": "r1"},
            {"restaurant_id": "r1", "value_minor": 700},
            {"user_id": "u2", "restaurant_id": "r2"},
            {"user_id": "u2", "restaurant_id": "r3"},
        ]
    )
    parts = split(dataset, "last")

    cases = cases_of(parts, interactions_of(parts.train))

    assert cases.users == ("u1", "u2")
    assert cases.is_new.tolist() == [False, True]
    assert cases.worth.tolist() == [700.0, 1000.0]


def test_a_restaurants_worth_is_shrunk_towards_what_the_catalogue_states_and_winsorised():
    stated = np.array([1000.0, np.nan, np.nan])
    observed = np.concatenate([np.full(5, 2000.0), np.full(300, 500.0), [90000.0]])

    worth = objectives.values(
        stated, np.array([10000.0, 90000.0, 0.0]), np.array([5.0, 1.0, 0.0]), observed
    )

    assert worth[0] == pytest.approx(1500.0)
    assert worth[1] == pytest.approx(np.quantile(observed, 0.99))
    assert worth[2] == pytest.approx(observed.mean())


def test_without_any_money_every_choice_is_worth_the_same():
    nothing = np.zeros(2)

    worth = objectives.values(np.full(2, np.nan), nothing, nothing, np.empty(0))

    assert worth.tolist() == [1.0, 1.0]
