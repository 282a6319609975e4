"""The typed client against a server that follows the contract, and one that does not."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from maitred.client import AsyncClient, Client, Query
from maitred.errors import InvalidInput, OutOfContract, Overloaded, Unavailable
from maitred.events import Click, Traffic
from tests.support.contract_server import ContractServer, contract_server


@pytest.fixture
def server() -> Iterator[ContractServer]:
    with contract_server() as running:
        yield running


def clicks(n: int) -> list[Click]:
    at = datetime(2026, 5, 1, 19, tzinfo=UTC)
    return [
        Click(event_id=f"e{i}", user_id="u1", restaurant_id="r0001", occurred_at=at)
        for i in range(n)
    ]


def test_a_recommendation_says_what_was_asked_and_what_traffic_it_is(
    server: ContractServer,
) -> None:
    query = Query(user_id="u1", k=3, objective="revenue", exclude=("r0000",), explore=False)

    with Client(server.url, traffic=Traffic.PREVIEW) as client:
        reply = client.recommend(query)

    assert reply.recommendation.ids == ("r0001", "r0002", "r0003")
    assert reply.waited_ms > 0
    assert server.queries == [
        {
            "request_id": [reply.recommendation.request_id],
            "user_id": ["u1"],
            "k": ["3"],
            "objective": ["revenue"],
            "explore": ["false"],
            "traffic": ["preview"],
            "exclude": ["r0000"],
        }
    ]


def test_events_go_out_as_the_clients_traffic_in_batches_that_ingest_takes(
    server: ContractServer,
) -> None:
    with Client(server.url, server.url, traffic=Traffic.REPLAY) as client:
        outcomes = client.send_events(clicks(501))

    assert [outcome.status for outcome in outcomes] == ["accepted"] * 501
    assert [event["event_id"] for event in server.events] == [f"e{i}" for i in range(501)]
    assert {event["traffic"] for event in server.events} == {"replay"}


@pytest.mark.parametrize(
    ("status", "error"), [(422, InvalidInput), (429, Overloaded), (503, Unavailable)]
)
def test_a_refusal_becomes_the_error_of_its_status_with_the_fields_at_fault(
    server: ContractServer, status: int, error: type[Exception]
) -> None:
    server.status = status

    with Client(server.url, traffic=Traffic.LOAD) as client, pytest.raises(error) as raised:
        client.recommend(Query(k=101))

    assert "k is too large" in str(raised.value)
    assert raised.value.fields == (("k", "must be less than or equal to 100"),)


def test_a_reply_outside_the_contract_names_the_place(server: ContractServer) -> None:
    server.alter = lambda reply: reply | {"rung": "excellent"}

    with Client(server.url, traffic=Traffic.LOAD) as client, pytest.raises(OutOfContract) as raised:
        client.recommend(Query())

    assert "rung" in str(raised.value)


def test_nobody_there_and_too_slow_are_both_unavailable(server: ContractServer) -> None:
    server.delay_s = lambda _: 0.5

    with (
        Client(server.url, traffic=Traffic.LOAD, timeout_s=0.05) as late,
        Client("http://127.0.0.1:1", traffic=Traffic.LOAD) as nobody,
    ):
        with pytest.raises(Unavailable, match="did not answer in time"):
            late.recommend(Query())
        with pytest.raises(Unavailable, match="cannot be reached"):
            nobody.recommend(Query())

        assert late.is_ready(server.url)
        assert not nobody.is_ready("http://127.0.0.1:1")


async def test_the_calls_for_an_event_loop_do_the_same(server: ContractServer) -> None:
    async with AsyncClient(server.url, server.url, traffic=Traffic.SIMULATED) as client:
        reply = await client.recommend(Query(user_id="u1", k=2))
        outcomes = await client.send_events(clicks(2))
        ready = await client.is_ready(server.url)

    assert reply.recommendation.ids == ("r0000", "r0001")
    assert [outcome.status for outcome in outcomes] == ["accepted", "accepted"]
    assert server.events[0]["traffic"] == "simulated"
    assert ready
