"""A diner's state is a function of what happened, not of how it arrived."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maitred import features
from maitred.errors import InvalidInput
from maitred.events import Click, Dismiss, Event, Order
from maitred.features import DinerState, News
from tests.support.diners import logs, recomputed

START = datetime(2026, 5, 1, tzinfo=UTC)


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Return up to 120 events with distinct ids, at times that may coincide."""
    events: list[Event] = []
    for number, minute in enumerate(draw(st.lists(st.integers(0, 500), max_size=120))):
        common = {
            "event_id": f"e{number}",
            "user_id": "u",
            "occurred_at": START + timedelta(minutes=minute),
            "restaurant_id": f"r{minute % 7}",
        }
        match draw(st.integers(0, 2)):
            case 0:
                events.append(Click(**common))
            case 1:
                events.append(Order(order_id="o", basket_minor=100, currency="EUR", **common))
            case _:
                events.append(Dismiss(**common))
    return events


@given(histories(), st.randoms(use_true_random=False), st.integers(1, 9))
def test_order_batches_and_repeats_change_nothing(
    events: list[Event], shuffle: object, size: int
) -> None:
    expected = features.apply(features.EMPTY, events)
    arrived = events + events[: len(events) // 2]
    shuffle.shuffle(arrived)  # type: ignore[attr-defined]

    state = features.EMPTY
    for start in range(0, len(arrived), size):
        state = features.apply(state, arrived[start : start + size])

    assert state == expected
    assert len(state.recent) <= features.RECENT


@given(histories())
def test_a_state_survives_being_stored(events: list[Event]) -> None:
    state = features.apply(features.EMPTY, events)

    assert features.decode(features.encode(state)) == state


@given(logs(), st.lists(st.integers(1, 7), min_size=1))
def test_stored_states_are_those_of_a_recomputation_whatever_the_batches(
    log: list[Event], sizes: list[int]
) -> None:
    stored: dict[str, bytes] = {}
    erased: dict[str, float] = {}
    waiting, turn = list(log), 0
    while waiting:
        size = sizes[turn % len(sizes)]
        batch, waiting, turn = waiting[:size], waiting[size:], turn + 1
        for user in {event.user_id for event in batch}:
            news = News()
            for event in batch:
                if event.user_id == user:
                    news.take(event)
            raw = features.renew(stored.pop(user, None), news, erased.get(user))
            if news.erased_at is not None:
                erased[user] = max(news.erased_at, erased.get(user, news.erased_at))
            if raw is not None:
                stored[user] = raw

    assert {user: features.decode(raw) for user, raw in stored.items()} == recomputed(log)


@given(histories(), histories())
def test_renewing_stored_bytes_is_applying_events(before: list[Event], after: list[Event]) -> None:
    state = features.apply(features.EMPTY, before)
    news = News()
    for event in after:
        news.take(event)

    raw = features.renew(features.encode(state), news)

    assert features.decode(raw) == features.apply(state, after)
    assert raw == features.encode(features.apply(state, after)) or (
        raw is None and state == DinerState()
    )


NASTY = ("r1", '"', "a,\n[1", "],\n[", "],[", "\n]}", "\\n", "é", "e1", "e")
"""Ids that could be taken for something else in stored bytes."""


@given(st.lists(st.tuples(st.sampled_from(NASTY), st.sampled_from(NASTY), st.integers(0, 9))))
def test_ids_that_look_like_what_surrounds_them_are_ids(said: list[tuple[str, str, int]]) -> None:
    clicks = [
        Click(
            event_id=name, user_id="u", restaurant_id=place, occurred_at=START + timedelta(days=day)
        )
        for name, place, day in said
    ]
    raw = None
    for click in clicks:
        news = News()
        news.take(click)
        raw = features.renew(raw, news)

    state = features.DinerState()
    for click in clicks:
        state = features.apply(state, [click])
    assert features.decode(raw) == state


def test_states_that_were_stored_on_one_line_are_read_and_renewed() -> None:
    click = Click(event_id="e2", user_id="u", restaurant_id="r2", occurred_at=START)
    news = News()
    news.take(click)

    raw = features.renew(b'{"v":1,"recent":[[5.0,"e1","r1",1]]}', news)

    at = START.timestamp()
    assert [(i.at, i.event_id) for i in features.decode(raw).recent] == [(5.0, "e1"), (at, "e2")]


def test_rows_of_a_version_to_come_are_not_taken_for_ours() -> None:
    news = News()
    news.take(Click(event_id="e2", user_id="u", restaurant_id="r2", occurred_at=START))

    with pytest.raises(InvalidInput, match="cannot be read"):
        features.renew(b'{"v":2,"recent":[\n[5.0,"e1","r1",1]\n]}', news)
