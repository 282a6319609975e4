"""Measures of lists against figures worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maitred import metrics
from maitred.metrics import MISSED
from maitred.seeds import generator

# Case 0 has targets at ranks 0 and 12, case 1 at rank 2, case 2 was missed.
RANKS = np.array([0, 12, 2, MISSED])
OWNER = np.array([0, 0, 1, 2])
WORTH = np.array([10.0, 20.0, 40.0, 80.0])


def test_a_hit_is_any_target_in_the_first_ten():
    assert metrics.hit_rate(RANKS, OWNER, 3).tolist() == [1.0, 1.0, 0.0]


def test_recall_is_the_share_of_targets_found():
    assert metrics.recall(RANKS, OWNER, 3).tolist() == [0.5, 1.0, 0.0]


def test_ndcg_discounts_by_place_and_divides_by_the_best_possible():
    ideal_of_two = 1.0 + 1.0 / np.log2(3)

    found = metrics.ndcg(RANKS, OWNER, 3)

    assert found == pytest.approx([1.0 / ideal_of_two, 0.5, 0.0])


def test_captured_value_is_what_the_list_contained():
    assert metrics.captured_value(RANKS, WORTH, OWNER, 3).tolist() == [10.0, 40.0, 0.0]


def test_gini_is_zero_for_equal_and_near_one_for_one_restaurant_that_gets_all():
    assert metrics.gini(np.array([5, 5, 5, 5])) == pytest.approx(0.0)
    assert metrics.gini(np.array([0, 0, 0, 7])) == pytest.approx(0.75)


def test_coverage_is_the_share_that_was_ever_shown():
    assert metrics.coverage(np.array([0, 3, 1, 0])) == 0.5


def test_equal_columns_differ_by_nothing_in_every_resample():
    column = generator(1, "test").random(50)

    means = metrics.bootstrap_means(np.column_stack([column, column]), generator(2, "test"), 50)

    assert np.array_equal(means[:, 0], means[:, 1])


def test_the_interval_of_a_mean_is_as_wide_as_theory_says():
    column = generator(1, "test").normal(size=(2000, 1))

    means = metrics.bootstrap_means(column, generator(2, "test"))
    _, low, high = metrics.interval(float(column.mean()), means[:, 0])

    assert high - low == pytest.approx(2 * 1.96 / np.sqrt(2000), rel=0.1)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=12, unique=True))
def test_every_measure_lies_between_zero_and_one(ranks: list[int]):
    found, owner = np.array(ranks), np.zeros(len(ranks), dtype=np.int64)

    for measure in (metrics.hit_rate, metrics.recall, metrics.ndcg):
        assert 0.0 <= measure(found, owner, 1)[0] <= 1.0 + 1e-12
