"""Laws of the archive: equal events are equal however they are written, and rows say all of them."""

from datetime import UTC, datetime
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from maitred import events
from maitred.archive.rows import SCHEMA, Arrival, table_of
from tests.support.event_laws import records

NOW = datetime(2026, 5, 1, tzinfo=UTC)
Wire = dict[str, Any]


def digests(raw: bytes) -> tuple[bytes, bytes]:
    arrival = Arrival.of(events.decode(raw), 0, 0)
    return arrival.id, arrival.body


@given(records)
def test_the_only_form_of_an_event_is_what_its_model_dumps(record: Wire) -> None:
    event = events.parse(record, from_client=False)

    raw = events.encode(event)

    assert raw == orjson.dumps(event.model_dump(mode="json"), option=orjson.OPT_SORT_KEYS)
    assert events.decode(raw) == event


@given(records, st.randoms(use_true_random=False))
def test_order_spacing_and_stated_defaults_make_no_other_body(record: Wire, random: Any) -> None:  # noqa: ANN401
    names = list(record)
    random.shuffle(names)
    shuffled = orjson.dumps({name: record[name] for name in names}, option=orjson.OPT_INDENT_2)
    stated = events.encode(events.parse(record, from_client=False))

    assert digests(shuffled) == digests(orjson.dumps(record)) == digests(stated)


@given(records, records)
def test_bodies_are_equal_only_where_events_are(one: Wire, other: Wire) -> None:
    for name in ("event_id", "user_id"):
        other[name] = one[name]
    a, b = (events.parse(record, from_client=False) for record in (one, other))

    left, right = Arrival.of(a, 0, 0), Arrival.of(b, 1, 7)

    assert left.id == right.id
    assert (left.body == right.body) == (events.encode(a) == events.encode(b))


@given(st.lists(records, min_size=1, max_size=6))
def test_rows_say_all_that_the_events_said_in_the_order_given(some: list[Wire]) -> None:
    parsed = [events.parse(record, from_client=False) for record in some]

    table = table_of([Arrival.of(e, n % 3, n) for n, e in enumerate(parsed)], NOW)

    assert table.schema == SCHEMA
    table.validate(full=True)
    for number, (event, row) in enumerate(zip(parsed, table.to_pylist(), strict=True)):
        said = event.model_dump()
        if "seed" in said:
            said["seed"] %= 2**64
        place = {"archived_at": NOW, "log_partition": number % 3, "log_offset": number}
        assert row == dict.fromkeys(SCHEMA.names) | said | place
