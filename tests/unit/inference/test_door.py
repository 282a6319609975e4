"""What a request's clock and the worker's admission make of when a request came."""

import pytest
from prometheus_client import CollectorRegistry

from maitred.clock import ManualClock
from maitred.observability import Metrics
from services.inference.admission import Admission
from services.inference.door import clocked

BUDGET_S = 0.07


def test_a_client_that_dawdles_over_its_head_sheds_nobody_else() -> None:
    clock = ManualClock()
    door = Admission(clock, Metrics(CollectorRegistry()))
    arrived = clock.monotonic()
    clock.advance(4.0)

    slow = clocked(clock, door, BUDGET_S, {"arrived": arrived, "due": clock.monotonic()})
    door.adjust(0.0)
    next_one = clocked(clock, door, BUDGET_S, {})

    assert slow.has_room
    assert slow.elapsed_s == pytest.approx(4.0)  # its own budget it has spent all the same
    assert (door.lag_s, door.shed) == (0.0, 0.0)
    assert next_one.has_room


def test_who_waited_for_the_loop_is_not_admitted() -> None:
    clock = ManualClock()
    door = Admission(clock, Metrics(CollectorRegistry()))
    due = clock.monotonic()
    clock.advance(2 * door.max_lag_s)

    waited = clocked(clock, door, BUDGET_S, {"arrived": due, "due": due})

    assert not waited.has_room


def test_a_wait_for_the_loop_is_taken_from_the_budget_once() -> None:
    clock = ManualClock()
    door = Admission(clock, Metrics(CollectorRegistry()))
    door.adjust(0.005)
    due = clock.monotonic()
    clock.advance(0.02)

    waited = clocked(clock, door, BUDGET_S, {"arrived": due, "due": due})

    assert waited.elapsed_s == pytest.approx(0.02 + 0.005)
