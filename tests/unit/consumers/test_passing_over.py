"""Records that a consumer has no use for are passed over by their header; the rest goes by the body."""

import orjson

from services.consumers.batch import decode
from services.eventlog.headers import of_type, type_in
from services.eventlog.port import Headers, Record
from tests.support.archives import wire

USELESS = frozenset({"impression", "seen"})


def record(offset: int, value: bytes, headers: Headers = ()) -> Record:
    return Record("t", offset % 2, offset, "u1", value, headers)


def body(kind: str, event_id: str) -> bytes:
    fields = {"ranks": [1]} if kind == "seen" else {}
    event = wire(kind, event_id, **fields)
    if kind == "seen":
        del event["restaurant_id"]
    return orjson.dumps(event)


def test_a_useless_record_is_never_opened_and_its_offset_counts() -> None:
    batch = decode(
        [record(4, b"not even JSON", of_type("impression")), record(5, b"", of_type("seen"))],
        USELESS,
    )

    assert (batch.passed_over, list(batch.taken), list(batch.undecodable)) == (2, [], [])
    assert batch.offsets == {0: 5, 1: 6}


def test_other_headers_and_old_records_without_any_go_by_their_body() -> None:
    records = [
        record(0, body("click", "a"), of_type("click")),
        record(1, body("click", "b")),
        record(2, body("seen", "c"), (("trace", b"impression"),)),
        record(3, body("click", "d"), (("trace", b"x"), *of_type("click"))),
    ]

    batch = decode(records, USELESS)

    assert [taken.event.event_id for taken in batch.taken] == ["a", "b", "c", "d"]
    assert batch.passed_over == 0


def test_whoever_has_use_for_all_opens_all() -> None:
    batch = decode([record(0, b"junk", of_type("impression"))])

    assert len(batch.undecodable) == 1


def test_a_header_that_is_no_text_names_no_type_of_ours() -> None:
    assert type_in((("type", b"\xff"),)) not in USELESS
    assert type_in(()) is None
