"""The publisher over a log that goes away, falls silent and comes back."""

from dataclasses import replace
from pathlib import Path

import pytest

from maitred.clock import SystemClock
from maitred.errors import Overloaded, TooLarge
from services.eventlog.delivery import Limits
from services.eventlog.memory import MemoryBroker
from services.eventlog.port import Entry
from tests.support.publishing import HASTY, publishing
from tests.support.waiting import eventually


def entries(*numbers: int) -> list[Entry]:
    return [Entry(f"diner-{n % 3}", str(n).encode()) for n in numbers]


def test_records_go_straight_to_a_log_that_answers(tmp_path: Path) -> None:
    with publishing(tmp_path) as at:
        at.publisher.publish(entries(*range(100))).result(5)

        assert at.values() == [str(n).encode() for n in range(100)]
        assert at.metric("maitred_events_spooled_total") == 0


def test_a_log_that_is_away_leaves_records_durable_on_disk(tmp_path: Path) -> None:
    with publishing(tmp_path, broker=MemoryBroker(is_away=True)) as at:
        at.publisher.publish(entries(1, 2, 3)).result(5)

        assert at.publisher.spooled == 3
        assert at.values() == []
        assert at.metric("maitred_events_spooled_total") == 3


def test_spooled_records_reach_the_log_in_order_and_newer_ones_queue_behind(tmp_path: Path) -> None:
    broker = MemoryBroker(is_away=True)
    with publishing(tmp_path, broker=broker) as at:
        at.publisher.publish(entries(*range(50))).result(5)

        broker.is_away = False
        at.publisher.publish(entries(*range(50, 60))).result(5)
        eventually(lambda: at.publisher.spooled == 0)

        assert at.values() == [str(n).encode() for n in range(60)]


def test_records_go_straight_again_after_the_spool_is_drained(tmp_path: Path) -> None:
    broker = MemoryBroker(is_away=True)
    with publishing(tmp_path, broker=broker) as at:
        at.publisher.publish(entries(1)).result(5)
        broker.is_away = False
        eventually(lambda: at.publisher.spooled == 0)

        at.publisher.publish(entries(2)).result(5)

        assert at.metric("maitred_events_spooled_total") == 1
        assert at.values() == [b"1", b"2"]


def test_a_spool_is_drained_at_a_pace(tmp_path: Path) -> None:
    clock, broker = SystemClock(), MemoryBroker(is_away=True)
    limits = replace(HASTY, drained_per_s=1000)
    with publishing(tmp_path, broker=broker, limits=limits) as at:
        at.publisher.publish(entries(*range(600))).result(5)
        broker.is_away = False
        began = clock.monotonic()
        eventually(lambda: at.publisher.spooled == 0)

        assert clock.monotonic() - began > 0.4  # 250, a quarter of a second, 250, another, 100


def test_records_without_acknowledgement_become_durable_within_the_patience(tmp_path: Path) -> None:
    broker = MemoryBroker(is_silent=True)
    with publishing(tmp_path, broker=broker) as at:
        at.publisher.publish(entries(1, 2)).result(5)
        broker.is_silent = False
        eventually(lambda: at.publisher.spooled == 0)

        first_times = list(dict.fromkeys(at.values()))
        assert first_times == [b"1", b"2"]  # perhaps repeated, never lost or out of order


def test_what_a_dead_process_spooled_is_sent_by_the_next(tmp_path: Path) -> None:
    with publishing(tmp_path, broker=MemoryBroker(is_away=True)) as dead:
        dead.publisher.publish(entries(*range(10))).result(5)

    with publishing(tmp_path) as at:
        at.publisher.publish(entries(10)).result(5)
        eventually(lambda: at.publisher.spooled == 0)

        assert at.values() == [str(n).encode() for n in range(11)]


def test_a_full_spool_is_said_so_and_nothing_counts_as_accepted(tmp_path: Path) -> None:
    with publishing(tmp_path, broker=MemoryBroker(is_away=True), max_bytes=100) as at:
        at.publisher.publish(entries(1)).result(5)

        with pytest.raises(Overloaded, match="spool is full"):
            at.publisher.publish(entries(*range(20))).result(5)

        assert at.publisher.spooled == 1


def test_a_full_queue_is_said_so(tmp_path: Path) -> None:
    with publishing(tmp_path, limits=Limits(queued=5)) as at:
        refused = at.publisher.publish(entries(*range(6)))

        with pytest.raises(Overloaded, match="wait for the log"):
            refused.result(5)


def test_a_record_that_no_log_would_take_is_refused_at_once(tmp_path: Path) -> None:
    with publishing(tmp_path) as at:
        with pytest.raises(TooLarge):
            at.publisher.publish([Entry("ada", b"x" * 1_000_000)]).result(5)

        assert at.publisher.offer([Entry("ada", b"x" * 1_000_000)]) is False
        assert at.metric("maitred_impressions_total", outcome="dropped") == 1


def test_an_offered_record_is_counted_as_logged(tmp_path: Path) -> None:
    with publishing(tmp_path) as at:
        assert at.publisher.offer([Entry("ada", b"shown")])

        eventually(lambda: at.metric("maitred_impressions_total", outcome="logged") == 1)
        assert at.values() == [b"shown"]


def test_offers_that_find_no_room_are_dropped_and_counted(tmp_path: Path) -> None:
    broker = MemoryBroker(is_away=True)
    with publishing(tmp_path, broker=broker, max_bytes=60) as at:
        for _ in range(10):
            at.publisher.offer([Entry("ada", b"x" * 20)])

        eventually(
            lambda: (
                at.metric("maitred_impressions_total", outcome="dropped")
                + at.metric("maitred_impressions_total", outcome="logged")
                == 10
            )
        )
        assert at.metric("maitred_impressions_total", outcome="dropped") >= 8


def test_two_processes_never_share_a_spool(tmp_path: Path) -> None:
    away = MemoryBroker(is_away=True)
    with publishing(tmp_path, broker=away) as one, publishing(tmp_path, broker=away) as two:
        one.publisher.publish(entries(1)).result(5)
        two.publisher.publish(entries(2, 3)).result(5)

        assert (one.publisher.spooled, two.publisher.spooled) == (1, 2)


def test_closing_spools_what_was_not_acknowledged(tmp_path: Path) -> None:
    with publishing(tmp_path, broker=MemoryBroker(is_silent=True), limits=Limits()) as silent:
        silent.publisher.publish(entries(1))
        eventually(lambda: silent.values() == [b"1"])

    with publishing(tmp_path) as at:
        eventually(lambda: at.values() == [b"1"])


def test_records_acknowledged_late_are_not_sent_again(tmp_path: Path) -> None:
    broker = MemoryBroker(is_silent=True)
    patient = Limits(patience_s=0.1, drain_patience_s=30)
    with publishing(tmp_path, broker=broker, limits=patient) as at:
        at.publisher.publish(entries(1, 2)).result(5)
        assert at.publisher.spooled == 2
        broker.is_silent = False
        at.publisher.publish(entries(3)).result(5)

        at.log.acknowledge()
        eventually(lambda: at.publisher.spooled == 0)

        assert at.values() == [b"1", b"2", b"3"]


def test_a_spool_that_its_process_left_behind_is_sent_by_another(tmp_path: Path) -> None:
    away = MemoryBroker(is_away=True)
    with publishing(tmp_path, broker=away) as first:
        first.publisher.publish(entries(1)).result(5)
        with publishing(tmp_path, broker=away) as second:
            second.publisher.publish(entries(2, 3)).result(5)

    with publishing(tmp_path) as only:
        eventually(lambda: only.values() == [b"1", b"2", b"3"])
