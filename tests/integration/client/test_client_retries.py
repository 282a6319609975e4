"""A client whose server cuts connections or is busy, over real sockets."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

import orjson
import pytest

from maitred.client import AsyncClient, Client, Query
from maitred.clock import ManualClock, SystemClock
from maitred.errors import Overloaded, Unavailable
from maitred.events import Click, Traffic
from tests.support.scripted_server import CUT, ScriptedServer, reply, scripted

LIST = orjson.dumps(
    {"request_id": "a", "model_version": None, "objective": "clicks", "revenue_weight": 0.0,
     "experiment": None, "arm": None, "rung": "static", "degraded": "no_model", "took_ms": 1.0,
     "filtered": {}, "items": []}
)  # fmt: skip
FINE = reply("200 OK", LIST)


def client(server: ScriptedServer, **options: object) -> Client:
    return Client(server.url, server.url, traffic=Traffic.LOAD, **options)  # type: ignore[arg-type]


def test_a_cut_connection_is_tried_again_with_the_same_request_id() -> None:
    with scripted(CUT, FINE) as server, client(server) as asking:
        asking.recommend(Query(user_id="u1"))

    ids = [re.search(rb"request_id=(\w+)", request) for request in server.requests]
    assert len(ids) == 2
    assert ids[0] is not None
    assert ids[1] is not None
    assert ids[0][1] == ids[1][1]


async def test_for_an_event_loop_likewise() -> None:
    with scripted(CUT, FINE) as server:
        async with AsyncClient(server.url, traffic=Traffic.LOAD) as asking:
            await asking.recommend(Query(history=("r1",)))

    assert len(server.requests) == 2
    assert server.requests[0] == server.requests[1]


def test_events_that_were_cut_are_sent_again_under_their_own_ids() -> None:
    event = Click(event_id="e1", user_id="u1", restaurant_id="r1",
                  occurred_at=datetime(2026, 5, 1, tzinfo=UTC))  # fmt: skip
    done = b'{"results":[{"event_id":"e1","status":"duplicate"}]}'
    with scripted(CUT, reply("202 Accepted", done)) as server, client(server) as asking:
        outcomes = asking.send_events([event])

    assert [outcome.status for outcome in outcomes] == ["duplicate"]
    assert [b'"event_id":"e1"' in request for request in server.requests] == [True, True]


def test_a_busy_service_is_asked_again_when_it_said() -> None:
    clock = ManualClock(datetime(2026, 5, 1, tzinfo=UTC))
    busy = reply("503 Service Unavailable", b"{}", "retry-after: 1")
    with scripted(busy, FINE) as server, client(server, clock=clock) as asking:
        found = asking.recommend(Query())

    assert found.waited_ms == 1000.0
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("busy", "error"),
    [
        (reply("503 Service Unavailable", b"{}", "retry-after: 3"), Unavailable),
        (reply("429 Too Many Requests", b"{}"), Overloaded),
    ],
)
def test_a_service_that_is_busy_for_longer_is_not_waited_for(
    busy: bytes, error: type[Exception]
) -> None:
    with scripted(busy) as server, client(server) as asking, pytest.raises(error):
        asking.recommend(Query())

    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("retries", "fits"), [(0.1, lambda n: 109 <= n <= 111), (0.0, lambda n: n == 100)]
)
def test_a_server_that_always_cuts_sees_few_retries(
    retries: float, fits: Callable[[int], bool]
) -> None:
    with scripted(CUT) as server, client(server, retries=retries) as asking:
        for _ in range(100):
            with pytest.raises(Unavailable):
                asking.recommend(Query())

    assert fits(len(server.requests)), len(server.requests)


async def test_a_reply_that_drips_in_holds_nobody_beyond_the_time_of_the_call() -> None:
    clock = SystemClock()
    with scripted(FINE, drip_s=0.05) as server:  # the whole would take over ten seconds
        async with AsyncClient(server.url, traffic=Traffic.LOAD, timeout_s=0.3) as asking:
            began = clock.monotonic()
            with pytest.raises(Unavailable):
                await asking.recommend(Query())
            took_s = clock.monotonic() - began

    assert 0.25 < took_s < 2
