"""When a call is tried again, and how often all calls together."""

from datetime import UTC, datetime

import httpx
import pytest

from maitred.client.retries import Attempt, Call, Pause, Request, RetryBudget, exchange
from maitred.clock import ManualClock

ASKED = Request("GET", "http://nowhere/")
CUT = httpx.RemoteProtocolError("Server disconnected without sending a response.")


def drive(
    call: Call[httpx.Response],
    answers: list[httpx.Response | httpx.HTTPError],
    clock: ManualClock,
    *,
    each_s: float = 0.0,
) -> tuple[list[float], list[float], httpx.Response | httpx.HTTPError]:
    """Return the time-outs of attempts, the pauses, and what came of it."""
    timeouts, pauses, answer = [], [], None
    left = iter(answers)
    while True:
        try:
            step = call.send(answer)
        except StopIteration as end:
            return timeouts, pauses, end.value
        except httpx.HTTPError as error:
            return timeouts, pauses, error
        if isinstance(step, Pause):
            pauses.append(step.seconds)
            clock.advance(step.seconds)
            answer = None
        else:
            assert isinstance(step, Attempt)
            timeouts.append(step.timeout_s)
            clock.advance(each_s)
            answer = next(left)


def rich() -> RetryBudget:
    budget = RetryBudget(1.0)
    for _ in range(20):
        budget.earn()
    return budget


def clock() -> ManualClock:
    return ManualClock(datetime(2026, 5, 1, tzinfo=UTC))


def test_each_attempt_is_given_what_is_left_of_the_time() -> None:
    ticking = clock()
    call = exchange(ASKED, rich(), ticking, timeout_s=2.0)

    timeouts, pauses, came = drive(call, [CUT, CUT, httpx.Response(200)], ticking, each_s=0.5)

    assert timeouts == pytest.approx([2.0, 2.0 - 0.51, 2.0 - 1.03])
    assert pauses == [0.01, 0.02]
    assert isinstance(came, httpx.Response)


def test_no_attempt_begins_after_the_time_is_over() -> None:
    ticking = clock()
    call = exchange(ASKED, rich(), ticking, timeout_s=1.0)

    timeouts, _, came = drive(call, [CUT] * 9, ticking, each_s=0.4)

    assert len(timeouts) == 3
    assert came is CUT


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_service_is_asked_when_it_said_and_only_within_the_time(status: int) -> None:
    ticking = clock()
    busy = httpx.Response(status, headers={"retry-after": "1"})
    for timeout_s, attempts in ((2.0, 2), (1.0, 1)):
        call = exchange(ASKED, rich(), ticking, timeout_s=timeout_s)

        timeouts, pauses, came = drive(call, [busy, httpx.Response(200)], ticking)

        assert (len(timeouts), pauses) == (attempts, [1.0] * (attempts - 1))
        assert isinstance(came, httpx.Response)
        assert came.status_code == (200 if attempts == 2 else status)


@pytest.mark.parametrize(
    "final",
    [
        httpx.Response(503),
        httpx.Response(503, headers={"retry-after": "Fri, 01 May 2026 00:00:00 GMT"}),
        httpx.Response(500, headers={"retry-after": "1"}),
        httpx.Response(404),
        httpx.ReadTimeout("late"),
    ],
)
def test_what_may_have_been_answered_is_not_tried_again(
    final: httpx.Response | httpx.HTTPError,
) -> None:
    ticking = clock()
    call = exchange(ASKED, rich(), ticking, timeout_s=9.0)

    timeouts, _, came = drive(call, [final, httpx.Response(200)], ticking)

    assert len(timeouts) == 1
    assert came is final


@pytest.mark.parametrize(("share", "most"), [(0.1, 101 + 1), (0.02, 20 + 1), (0.0, 0)])
def test_retries_stay_a_share_of_all_calls(share: float, most: int) -> None:
    budget, ticking, attempts = RetryBudget(share), clock(), 0

    for _ in range(1000):
        call = exchange(ASKED, budget, ticking, timeout_s=60.0)
        attempts += len(drive(call, [CUT] * 9, ticking)[0])

    assert most - 2 <= attempts - 1000 <= most


def test_a_long_calm_saves_up_ten_retries_and_no_more() -> None:
    budget = RetryBudget(0.1)
    for _ in range(10_000):
        budget.earn()

    assert sum(budget.take() for _ in range(100)) == 10
