"""A budget, as a clock sees it that the test moves."""

import pytest

from maitred.clock import ManualClock
from maitred.errors import DeadlineExceeded
from services.inference.deadline import Deadline


def test_a_spent_deadline_names_the_step_that_found_it() -> None:
    clock = ManualClock()
    deadline = Deadline(clock, 0.07)

    clock.advance(0.05)
    deadline.passed("diner")
    clock.advance(0.03)

    with pytest.raises(DeadlineExceeded) as spent:
        deadline.passed("candidates")
    assert spent.value.step == "candidates"


def test_each_step_is_told_its_own_time() -> None:
    clock = ManualClock()
    deadline = Deadline(clock, 1.0)

    clock.advance(0.01)
    deadline.passed("filters")
    clock.advance(0.25)
    deadline.passed("diner")

    assert dict(deadline.laps) == pytest.approx({"filters": 0.01, "diner": 0.25})


def test_what_a_request_waited_before_anybody_looked_is_part_of_its_budget() -> None:
    clock = ManualClock()

    deadline = Deadline(clock, 0.07, waited_s=0.05)
    clock.advance(0.01)

    assert deadline.elapsed_s == pytest.approx(0.06)
    assert deadline.remaining_s == pytest.approx(0.01)
