"""Events: every past version decodes for ever, and what is no event says why."""

from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import orjson
import pytest

from maitred.errors import InvalidEvent
from maitred.event_rules import VERSIONS
from maitred.events import Click, Event, Impression, Order, Traffic, decode, encode, parse

GOLDEN = Path(__file__).parent / "golden"
AT = datetime(2026, 5, 1, 17, 2, 11, tzinfo=UTC)
CLICK = {
    "type": "click",
    "event_id": "e1",
    "user_id": "u1",
    "restaurant_id": "r1",
    "occurred_at": "2026-05-01T19:02:11+02:00",
}


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.jsonl")), ids=lambda p: p.stem)
def test_golden_events_of_every_version_decode_and_encode_to_the_same_bytes(path: Path) -> None:
    lines = path.read_bytes().splitlines()

    assert lines
    for line in lines:
        assert encode(decode(line)) == line


def test_there_is_a_golden_event_of_every_type_of_every_version() -> None:
    versions = {int(path.stem.removeprefix("v")): path for path in GOLDEN.glob("*.jsonl")}

    assert set(versions) == set(VERSIONS)
    for version, path in versions.items():
        golden = [orjson.loads(line) for line in path.read_bytes().splitlines()]
        assert {event["schema_version"] for event in golden} == {version}
        assert {event["type"] for event in golden} == {
            kind.model_fields["type"].default for kind in get_args(get_args(Event)[0])
        }


def test_what_only_doors_ask_does_not_keep_the_log_from_being_read() -> None:
    order = CLICK | {"type": "order", "order_id": "o\0", "basket_minor": 1, "currency": "ABC"}

    assert isinstance(decode(orjson.dumps(order)), Order)
    with pytest.raises(InvalidEvent, match="U\\+0000"):
        parse(order)


def test_a_click_keeps_its_moment_whatever_its_offset() -> None:
    event = parse(CLICK)

    assert isinstance(event, Click)
    assert event.occurred_at == AT
    assert event.traffic is Traffic.LIVE


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"type": "walk"}, "type"),
        ({"event_id": ""}, "event_id"),
        ({"event_id": "x" * 65}, "event_id"),
        ({"occurred_at": "yesterday"}, "occurred_at"),
        ({"occurred_at": "2026-05-01T19:02:11"}, "occurred_at"),
        ({"occurred_at": None}, "occurred_at"),
        ({"traffic": "mystery"}, "traffic"),
        ({"schema_version": 99}, "schema_version"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_what_is_no_event_names_the_field(change: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidEvent) as caught:
        parse(CLICK | change)

    assert caught.value.fields[0][0] == field


def test_an_order_cannot_be_worth_less_than_nothing() -> None:
    order = CLICK | {"type": "order", "order_id": "o1", "basket_minor": -1, "currency": "USD"}

    with pytest.raises(InvalidEvent, match="basket_minor"):
        parse(order)


def test_clients_cannot_send_impressions() -> None:
    impression = {
        "type": "impression",
        "event_id": "e1",
        "user_id": "u1",
        "occurred_at": AT.isoformat(),
        "items": [],
        "policy": "clicks",
        "rung": "static",
    }

    assert isinstance(decode(orjson.dumps(impression)), Impression)
    with pytest.raises(InvalidEvent):
        parse(impression)


def test_bytes_that_are_not_json_are_not_an_event() -> None:
    with pytest.raises(InvalidEvent):
        decode(b'{"type":')


def test_an_order_keeps_unknown_revenue_unknown() -> None:
    order = CLICK | {"type": "order", "order_id": "o1", "basket_minor": 2500, "currency": "USD"}

    event = parse(order)

    assert isinstance(event, Order)
    assert event.platform_revenue_minor is None
