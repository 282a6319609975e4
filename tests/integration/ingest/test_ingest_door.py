"""``POST /v1/events`` as a client meets it; the log behind it is in memory and may go away."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import orjson
import pytest

from tests.support.doors import CLOCK, Door, click


def test_an_accepted_event_is_in_the_log_when_the_reply_comes(door: Door) -> None:
    reply = door.post(click())

    assert reply.status_code == 202
    assert reply.json() == {"results": [{"event_id": "e1", "status": "accepted", "reason": None}]}
    [record] = door.behind.broker.records("t")
    assert record.key == "u1"
    assert orjson.loads(record.value)["restaurant_id"] == "r9"
    assert record.headers == (("type", b"click"),)


def test_one_bad_event_among_499_good_ones_is_rejected_alone(door: Door) -> None:
    batch = [click(f"e{n}") for n in range(500)]
    batch[250] = click("bad", restaurant_id="")

    reply = door.post({"events": batch})

    results = reply.json()["results"]
    assert [r["status"] for r in results].count("accepted") == 499
    assert results[250]["status"] == "rejected"
    assert "restaurant_id" in results[250]["reason"]
    assert len(door.behind.values()) == 499


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (click(occurred_at=None), "occurred_at"),
        ({k: v for k, v in click().items() if k != "occurred_at"}, "occurred_at"),
        (click(occurred_at="2026-05-01T19:02:11"), "occurred_at"),
        (click(occurred_at=(CLOCK.now() + timedelta(hours=1)).isoformat()), "occurred_at"),
        (click(event_id="x" * 65), "event_id"),
        (click(colour="red"), "colour"),
        (click(traffic="robot"), "traffic"),
        (click(schema_version=99), "schema_version"),
        ({**click(), "type": "impression"}, "type"),
        ("no object", "event"),
    ],
)
def test_a_lone_bad_event_is_422_and_names_the_field(door: Door, event: object, field: str) -> None:
    reply = door.post(event)

    assert reply.status_code == 422
    assert reply.headers["content-type"] == "application/problem+json"
    assert field in ".".join(error["field"] for error in reply.json()["errors"])
    assert door.behind.values() == []


@pytest.mark.parametrize(
    "body", [{"events": []}, {"events": "many"}, {"events": [click()], "more": 1}]
)
def test_a_malformed_batch_is_422(door: Door, body: object) -> None:
    assert door.post(body).status_code == 422


def test_what_is_not_json_is_422(door: Door) -> None:
    reply = door.client.post("/v1/events", content=b"{")

    assert reply.status_code == 422
    assert reply.json()["errors"][0]["field"] == "body"


def test_more_than_500_events_are_413(door: Door) -> None:
    assert door.post({"events": [click(f"e{n}") for n in range(501)]}).status_code == 413


def test_a_body_of_10_mb_is_413(door: Door) -> None:
    assert door.post({"events": ["x" * 10_000_000]}).status_code == 413


def test_an_unknown_query_parameter_is_422(door: Door) -> None:
    reply = door.client.post("/v1/events?traffic=load", content=orjson.dumps(click()))

    assert reply.status_code == 422


def test_a_retry_is_told_that_it_is_a_duplicate_and_not_sent_again(door: Door) -> None:
    first = door.statuses(click(), click("e2"))

    again = door.statuses(click(), click("e2"))

    assert (first, again) == (["accepted", "accepted"], ["duplicate", "duplicate"])
    assert len(door.behind.values()) == 2


def test_a_repetition_within_one_call_is_a_duplicate(door: Door) -> None:
    assert door.statuses(click(), click()) == ["accepted", "duplicate"]


def test_ids_belong_to_their_diner(door: Door) -> None:
    assert door.statuses(click(), click(user_id="u2")) == ["accepted", "accepted"]


def test_another_body_under_a_used_id_is_rejected_and_left_to_the_dead_letters(door: Door) -> None:
    door.statuses(click())

    assert door.statuses(click(restaurant_id="other")) == ["rejected"]
    assert len(door.behind.values()) == 2  # the archiver buries the second


def test_an_event_older_than_ids_are_remembered_is_too_old(door: Door) -> None:
    past = (CLOCK.now() - timedelta(days=8)).isoformat()

    assert door.statuses(click(occurred_at=past)) == ["too_old"]
    assert door.statuses(click(occurred_at=past, traffic="replay")) == ["accepted"]


def test_while_the_log_is_away_events_are_accepted_onto_the_disk(door: Door) -> None:
    door.behind.broker.is_away = True

    statuses = door.statuses(*(click(f"e{n}") for n in range(20)))

    assert statuses == ["accepted"] * 20
    assert door.behind.publisher.spooled == 20
    assert door.client.get("/readyz").json() == {"ready": True, "spooled": 20}


def test_a_full_spool_is_429_with_retry_after_and_a_retry_is_accepted(door: Door) -> None:
    door.behind.broker.is_away = True
    batch = [click(f"e{n}") for n in range(200)]

    reply = door.post({"events": batch})
    door.behind.broker.is_away = False
    again = door.statuses(*batch)

    assert (reply.status_code, reply.headers["retry-after"]) == (429, "1")
    assert again == ["accepted"] * 200


def test_outcomes_are_counted_by_traffic(door: Door) -> None:
    door.statuses(click(traffic="load"), click("e2", traffic="load"), {"nothing": 1})

    text = door.client.get("/metrics").text
    assert 'maitred_events_total{outcome="accepted",traffic="load"} 2.0' in text
    assert 'maitred_events_total{outcome="rejected",traffic="unknown"} 1.0' in text


def test_the_documented_examples_are_accepted_as_they_stand(door: Door) -> None:
    operation = door.client.get("/openapi.json").json()["paths"]["/v1/events"]["post"]
    examples = operation["requestBody"]["content"]["application/json"]["examples"]

    for example in examples.values():
        assert door.client.post("/v1/events", json=example["value"]).status_code == 202


def test_many_clients_that_retry_the_same_events_at_once_change_nothing(door: Door) -> None:
    batch = [click(f"r{n}", user_id=f"u{n % 3}") for n in range(40)]

    with ThreadPoolExecutor(8) as clients:
        replies = list(clients.map(lambda _: door.statuses(*batch), range(24)))

    # a repetition that overtook the reply to the first goes to the log again: the archive knows
    assert {status for reply in replies for status in reply} <= {"accepted", "duplicate"}
    assert {orjson.loads(value)["event_id"] for value in door.behind.values()} == {
        event["event_id"] for event in batch
    }
    assert door.statuses(*batch) == ["duplicate"] * 40
