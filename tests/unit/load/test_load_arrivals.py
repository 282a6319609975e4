"""Arrivals have the rate and the shape that they say."""

import numpy as np
import pytest

from loadtests.arrivals import Arrivals, due_times


def test_constant_arrivals_have_equal_gaps() -> None:
    due = due_times(Arrivals.CONSTANT, 200.0, 3.0, seed=1)

    assert due.size == 600
    assert np.diff(due) == pytest.approx(1 / 200)


def test_poisson_arrivals_have_the_rate_and_exponential_gaps() -> None:
    due = due_times(Arrivals.POISSON, 500.0, 40.0, seed=1)

    gaps = np.diff(due)

    assert due.size == pytest.approx(20_000, abs=4 * 20_000**0.5)
    assert due.min() >= 0
    assert due.max() < 40.0
    # An exponential gap's standard deviation is its mean, and 1/e of the gaps are above it.
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.05)
    assert np.mean(gaps > gaps.mean()) == pytest.approx(np.exp(-1), abs=0.02)


def test_a_seed_names_one_schedule() -> None:
    one, again, other = (due_times(Arrivals.POISSON, 50.0, 5.0, seed=s) for s in (1, 1, 2))

    assert np.array_equal(one, again)
    assert not np.array_equal(one[:10], other[:10])
