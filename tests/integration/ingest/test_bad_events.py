"""What is no event is refused at the door, and told what to do; what is odd but sound gets in."""

from datetime import timedelta
from typing import Any

import orjson
import pytest

from tests.support.doors import CLOCK, Door, click, order


def reason_of(standing: Door, event: object) -> str:
    """The reason for which a lone event is refused; nothing of it may be in the log."""
    before = len(standing.behind.values())
    reply = standing.post(event)
    assert reply.status_code == 422, reply.text
    assert reply.headers["content-type"] == "application/problem+json"
    assert "/v1/events/schema" in reply.json()["next_step"]
    assert len(standing.behind.values()) == before
    [error, *_] = reply.json()["errors"]
    return f"{error['field']}: {error['reason']}"


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (click(schema_version=2), "schema_version: 2 is not known; known are 1"),
        (click(schema_version="1"), "schema_version: '1' is not known"),
        (click(schema_version=True), "schema_version: True is not known"),
        (click(consent="yes"), "consent: Input should be a valid boolean"),
        (click(user_id=7), "user_id: Input should be a valid string"),
        (click(occurred_at=1_777_000_000), "occurred_at: must be a text such as 2026-05-01T19"),
        (click(occurred_at="1777000000"), "occurred_at: must be a text such as 2026-05-01T19"),
        (click(occurred_at="0001-01-01T00:00:00+14:00", traffic="replay"), "lies before 1970"),
        (click(user_id="a\0b"), "user_id: holds the character U+0000; leave it out"),
        (order(order_id="\0"), "order_id: holds the character U+0000"),
        (order(basket_minor="2350"), "basket_minor: Input should be a valid integer"),
        (order(basket_minor=23.5), "basket_minor: Input should be a valid integer"),
        (order(basket_minor=-1), "basket_minor: Input should be greater than or equal to 0"),
        (order(currency="EUX"), "currency: 'EUX' is no ISO 4217 code; did you mean"),
        (order(currency="eur"), "currency: 'eur' is no ISO 4217 code; did you mean EUR"),
        (order(currency="§§§"), "currency: '§§§' is no ISO 4217 code"),
        (click(type="seen"), "ranks: Field required"),
        (click(type=["click"]), "type: must be one of click, order"),
        ([click()], "event: must be a JSON object"),
    ],
)
def test_a_bad_field_is_named_with_what_to_do(standing: Door, event: object, said: str) -> None:
    assert said in reason_of(standing, event)


def test_a_clock_a_year_ahead_is_rejected_and_one_a_year_behind_is_too_old(standing: Door) -> None:
    year = timedelta(days=365)

    ahead = reason_of(standing, click(occurred_at=(CLOCK.now() + year).isoformat()))
    behind = standing.post(click(occurred_at=(CLOCK.now() - year).isoformat()))

    assert ahead == "occurred_at: lies 31536000 s in the future; is the client's clock set?"
    [result] = behind.json()["results"]
    assert (behind.status_code, result["status"]) == (202, "too_old")
    assert result["reason"] == "occurred_at: lies more than 7 days in the past"


@pytest.mark.parametrize(
    "body",
    [
        b'{"type": "click", "event_id": "e1", "user_id": "u1"',
        b'{"type": "order", "basket_minor": NaN}',
        b'{"type": "order", "basket_minor": Infinity}',
        b'{"type": "click", "user_id": "\\ud800"}',
        b'{"type": "click", "user_id": "\xff"}',
        b'{"events": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"",
    ],
)
def test_what_is_not_json_is_refused_with_what_to_send(standing: Door, body: bytes) -> None:
    reply = standing.client.post("/v1/events", content=body)

    assert reply.status_code == 422
    assert reply.json()["errors"][0]["field"] == "body"
    assert "/v1/events/schema" in reply.json()["next_step"]


def test_numbers_beyond_all_bounds_are_rejected(standing: Door) -> None:
    raw = orjson.dumps(order()).replace(b"2350", b"1e999")

    reply = standing.client.post("/v1/events", content=raw)

    assert reply.status_code == 422


def test_nesting_where_a_text_should_be_is_rejected(standing: Door) -> None:
    deep: Any = "r9"
    for _ in range(200):
        deep = [deep]

    assert "restaurant_id" in reason_of(standing, click(restaurant_id=deep))


def test_an_event_of_2_mb_is_413_and_says_how_much_may_come(standing: Door) -> None:
    reply = standing.post(click(restaurant_id="x" * 2_000_000))

    assert reply.status_code == 413
    assert "1048576 bytes" in reply.json()["detail"]


@pytest.mark.parametrize(
    "name", ["寿司-1", "🍣", "a/b?c#d", "…", "O'Brien", "é", "e\u0301", "\u202e"]
)
def test_any_unicode_is_an_id(standing: Door, name: str) -> None:
    assert standing.statuses(click("e1", user_id=name, restaurant_id=name)) == ["accepted"]

    record = standing.behind.broker.records("t")[-1]
    assert record.key == name
    assert orjson.loads(record.value)["restaurant_id"] == name


def test_a_second_body_under_a_used_id_says_so_within_a_call_and_across_calls(
    standing: Door,
) -> None:
    within = standing.post({"events": [click("two"), click("two", restaurant_id="other")]}).json()[
        "results"
    ]
    across = standing.post({"events": [click("two", restaurant_id="third")]}).json()["results"]

    for result in (within[1], across[0]):
        assert result["status"] == "rejected"
        assert "event_id: was used for another event of this diner" in result["reason"]


def test_an_order_of_no_known_value_has_the_code_for_no_currency(standing: Door) -> None:
    assert standing.statuses(order("none", currency="XXX", basket_minor=0)) == ["accepted"]
