"""A log lived again: who was asked before what, what counted as a hit, and what was sent."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from maitred.client import Aim, Client
from maitred.clock import ManualClock
from maitred.errors import UsageError
from maitred.events import Click, DinerEvent, Order, Traffic, encode
from services.simulator.log import read_log
from services.simulator.replay import Plan, Replayed, replay
from tests.support.contract_server import ContractServer, contract_server

THEN = datetime(1996, 9, 1, 12, tzinfo=UTC)


@pytest.fixture
def server() -> Iterator[ContractServer]:
    with contract_server() as running:
        yield running


def click(number: int, restaurant: str) -> Click:
    at = THEN + timedelta(minutes=number)
    return Click(event_id=f"e{number}", user_id="u1", restaurant_id=restaurant, occurred_at=at)


def order(number: int, restaurant: str) -> Order:
    return Order(
        event_id=f"e{number}",
        user_id="u1",
        restaurant_id=restaurant,
        occurred_at=THEN + timedelta(minutes=number),
        order_id=f"o{number}",
        basket_minor=2250,
        currency="USD",
    )


LOG: list[DinerEvent] = [
    click(0, "r0001"),
    click(1, "r0002"),
    order(2, "r0003"),
    click(3, "r0015"),
    order(4, "r0015"),
]


def lived(server: ContractServer, clock: ManualClock, rate: float | None = None) -> Replayed:
    plan = Plan("replay-1", Aim("clicks"), rate_per_s=rate)
    with Client(server.url, server.url, traffic=Traffic.REPLAY) as client:
        return replay(LOG, plan, client, clock, lambda: None)


def test_each_choice_is_asked_for_and_counted_as_hit_or_miss(server: ContractServer) -> None:
    result = lived(server, ManualClock())

    # The list is r0000 … r0009: the first choice is in it, the second is not.
    assert (result.choices, result.hits) == (2, 1)
    assert result.hit_rate[0] == 0.5
    assert result.rungs == {"personalised": 2}
    assert result.events == {"accepted": 5}
    assert [query["explore"] for query in server.queries] == [["false"], ["false"]]
    assert {query["traffic"][0] for query in server.queries} == {"replay"}


def test_what_happened_before_a_choice_is_sent_before_its_list_is_asked_for(
    server: ContractServer,
) -> None:
    seen: list[int] = []
    server.lists = lambda _: seen.append(len(server.events)) or list(server.catalogue)  # type: ignore[func-returns-value]

    lived(server, ManualClock())

    assert seen == [2, 4]


def test_events_keep_their_order_and_happen_now_as_replay(server: ContractServer) -> None:
    clock = ManualClock()

    lived(server, clock)

    assert [e["restaurant_id"] for e in server.events] == [
        "r0001", "r0002", "r0003", "r0015", "r0015",
    ]  # fmt: skip
    assert {e["traffic"] for e in server.events} == {"replay"}
    assert {datetime.fromisoformat(e["occurred_at"]) for e in server.events} == {clock.now()}
    assert len({e["event_id"] for e in server.events}) == 5


def test_a_rate_is_kept(server: ContractServer) -> None:
    clock = ManualClock()

    lived(server, clock, rate=4.0)

    # The second choice waits a quarter of a second, on a clock that only waiting moves.
    assert clock.elapsed == pytest.approx(0.25)


def test_a_failing_service_is_counted_and_the_replay_goes_on(server: ContractServer) -> None:
    server.status = 503

    result = lived(server, ManualClock())

    assert result.failures == {"Unavailable": 2}
    assert result.hit_rate[0] == 0.0
    assert result.events == {"accepted": 5}


def test_a_log_is_read_in_the_order_of_its_moments(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"\n".join(encode(event) for event in reversed(LOG)) + b"\n\n")

    assert read_log(path) == LOG


def test_a_line_that_is_no_event_is_named(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(encode(LOG[0]) + b'\n{"type":"click"}\n')

    with pytest.raises(UsageError, match="line 2"):
        read_log(path)


def test_a_log_that_is_not_there_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        read_log(tmp_path / "none.jsonl")

    assert raised.value.next_step == "maitred data events DATASET --out FILE.jsonl writes one"
