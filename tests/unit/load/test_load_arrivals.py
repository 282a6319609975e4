"""Arrivals have the rate and the shape that they say, also where the rate changes."""

import numpy as np
import pytest

from loadtests.arrivals import Arrivals, due_times
from loadtests.schedule import Leg, Schedule

PEAK = Schedule((Leg(2.0, 100.0, 100.0), Leg(4.0, 100.0, 500.0), Leg(2.0, 500.0, 0.0)))


def test_constant_arrivals_have_equal_gaps() -> None:
    due = due_times(Arrivals.CONSTANT, Schedule.flat(200.0, 3.0), seed=1)

    assert due.size == 600
    assert np.diff(due) == pytest.approx(1 / 200)


def test_poisson_arrivals_have_the_rate_and_exponential_gaps() -> None:
    due = due_times(Arrivals.POISSON, Schedule.flat(500.0, 40.0), seed=1)

    gaps = np.diff(due)

    assert due.size == pytest.approx(20_000, abs=4 * 20_000**0.5)
    assert due.min() >= 0
    assert due.max() < 40.0
    # An exponential gap's standard deviation is its mean, and 1/e of the gaps are above it.
    assert gaps.std() == pytest.approx(gaps.mean(), rel=0.05)
    assert np.mean(gaps > gaps.mean()) == pytest.approx(np.exp(-1), abs=0.02)


def test_a_seed_names_one_schedule() -> None:
    one, again, other = (
        due_times(Arrivals.POISSON, Schedule.flat(50.0, 5.0), seed=s) for s in (1, 1, 2)
    )

    assert np.array_equal(one, again)
    assert not np.array_equal(one[:10], other[:10])


@pytest.mark.parametrize("kind", list(Arrivals))
def test_arrivals_follow_a_rate_that_changes(kind: Arrivals) -> None:
    due = due_times(kind, PEAK, seed=1)

    counts, _ = np.histogram(due, bins=[0, 2, 4, 6, 8])

    # The areas under the rate: 2 x 100, then 2 x (100 + 300)/2, 2 x (300 + 500)/2, 2 x 500/2.
    assert counts == pytest.approx([200, 400, 800, 500], abs=4 * 800**0.5)
    assert np.all(np.diff(due) >= 0)
    assert due.max() < PEAK.seconds


def test_a_schedule_knows_its_rate_at_each_moment_and_its_whole() -> None:
    assert [PEAK.rate_at(t) for t in (-1.0, 0.0, 2.0, 4.0, 7.0, 8.0)] == [0, 100, 100, 300, 250, 0]
    assert PEAK.expected == 200 + 1200 + 500
    assert PEAK.peak_per_s == 500.0


def test_a_shape_is_of_the_rate_and_the_time_and_two_points_of_one_time_are_a_step() -> None:
    schedule = Schedule.shaped([(0.0, 0.5), (0.5, 0.5), (0.5, 2.0), (1.0, 2.0)], 100.0, 20.0)

    assert schedule.legs == (Leg(10.0, 50.0, 50.0), Leg(10.0, 200.0, 200.0))
