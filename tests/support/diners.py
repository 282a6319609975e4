"""Diner states as they must be: computed from scratch, from events in the log's order."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from maitred import features
from maitred.events import Click, Dismiss, Erase, Event, Order, Traffic
from maitred.features import DinerState
from maitred.ids import bucket
from services.eventlog.port import Record

START = datetime(2026, 5, 1, tzinfo=UTC)
PARTITIONS = 4


def recomputed(log: Iterable[Event]) -> dict[str, DinerState]:
    """Every diner with a state after these events; no batches, no store, no bytes."""
    kept: dict[str, list[Event]] = defaultdict(list)
    erased: dict[str, datetime] = {}
    for event in log:
        user = event.user_id
        if isinstance(event, Erase):
            kept[user].clear()
            erased[user] = max(event.occurred_at, erased.get(user, event.occurred_at))
        elif (
            event.consent
            and event.traffic in {Traffic.LIVE, Traffic.REPLAY, Traffic.SIMULATED}
            and (user not in erased or event.occurred_at > erased[user])
        ):
            kept[user].append(event)
    states = {user: features.apply(features.EMPTY, some) for user, some in kept.items()}
    return {user: state for user, state in states.items() if state.recent}


@st.composite
def logs(draw: st.DrawFn, diners: int = 4, most: int = 60) -> list[Event]:
    """Events in the log's order: late ones, repeated ones, of every traffic, erasures among them."""
    log: list[Event] = []
    kinds = st.sampled_from(["click"] * 5 + ["order", "dismiss", "erase", "again", "quiet"])
    for number in range(draw(st.integers(1, most))):
        kind = draw(kinds)
        if kind == "again" and log:
            log.append(draw(st.sampled_from(log)))
            continue
        log.append(_event(draw, kind, number, diners))
    return log


def _event(draw: st.DrawFn, kind: str, number: int, diners: int) -> Event:
    common = {
        "event_id": f"e{number}",
        "user_id": f"u{draw(st.integers(1, diners))}",
        "occurred_at": START + timedelta(minutes=draw(st.integers(0, 40))),
    }
    place = {"restaurant_id": f"r{number % 7}"}
    match kind:
        case "erase":
            return Erase(**common)
        case "order":
            return Order(order_id="o", basket_minor=100, currency="EUR", **common, **place)
        case "dismiss":
            return Dismiss(**common, **place)
        case "quiet":
            silent = draw(st.sampled_from([{"consent": False}, {"traffic": Traffic.LOAD}]))
            return Click(**common, **place, **silent)
        case _:
            return Click(**common, **place, traffic=draw(st.sampled_from(["live", "simulated"])))


def partition_of(event: Event) -> int:
    return bucket(event.user_id) % PARTITIONS


def records_of(log: Iterable[Event], topic: str = "t") -> list[Record]:
    """The log's records: each diner's in one partition, numbered there."""
    ends: dict[int, int] = defaultdict(int)
    records = []
    for event in log:
        partition = partition_of(event)
        value = event.model_dump_json().encode()
        records.append(Record(topic, partition, ends[partition], event.user_id, value))
        ends[partition] += 1
    return records
