"""The loop of every consumer: nothing is skipped, and one record that crashes it stops nobody."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from prometheus_client import CollectorRegistry

from maitred.clock import SystemClock
from maitred.errors import StoreChanged, StoreUnavailable
from maitred.observability import Metrics
from services.consumers.batch import Outcome
from services.consumers.dead import DeadLetters, read_all
from services.consumers.runner import FEW, Runner
from services.eventlog.memory import MemoryBroker, MemoryLogReader, MemoryLogWriter
from services.eventlog.port import Record
from tests.support.waiting import eventually


@dataclass
class Collector:
    """Keeps values, a few at a time as the archiver does, and fails where it is told to."""

    fails_on: Callable[[Record], Exception | None] = lambda _: None
    name: str = "collector"
    waiting: list[Record] = field(default_factory=list)
    kept: list[bytes] = field(default_factory=list)
    next: dict[int, int] = field(default_factory=dict)
    batches: int = 0
    is_due: bool = False

    def resume_at(self) -> Mapping[int, int]:
        return dict(self.next)

    def take(self, records: Sequence[Record]) -> Outcome:
        self.waiting += [r for r in records if r not in self.waiting]
        self.batches += 1
        self.is_due |= self.batches % 3 == 0
        return self.finish() if self.is_due else Outcome()

    def finish(self) -> Outcome:
        for record in self.waiting:
            error = self.fails_on(record)
            if error is not None:
                raise error
        for record in self.waiting:
            self.kept.append(record.value)
            self.next[record.partition] = record.offset + 1
        done, self.waiting, self.is_due = len(self.waiting), [], False
        return Outcome(applied=done, offsets=dict(self.next))

    def abandon(self) -> None:
        self.waiting, self.is_due = [], False


@dataclass
class Loop:
    broker: MemoryBroker
    graveyard: MemoryBroker
    consumer: Collector
    metrics: Metrics
    runner: Runner

    def put(self, *values: bytes) -> None:
        for number, value in enumerate(values):
            self.broker.put("t", f"diner-{number % 7}", value, ())

    def dead(self) -> list[tuple[bytes, str]]:
        letters = read_all(MemoryLogReader(self.graveyard, "t.dead", "look"), clock=SystemClock())
        return [(letter.value, letter.reason) for letter in letters]

    def metric(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


@contextmanager
def running(consumer: Collector, *values: bytes) -> Iterator[Loop]:
    broker, graveyard = MemoryBroker(partitions=2), MemoryBroker()
    metrics = Metrics(CollectorRegistry())
    dead = DeadLetters(MemoryLogWriter(graveyard), "t.dead", consumer.name)
    reader = MemoryLogReader(broker, "t", "collector")
    runner = Runner(consumer, reader, dead, clock=SystemClock(), metrics=metrics)
    loop = Loop(broker, graveyard, consumer, metrics, runner)
    loop.put(*values)
    thread = threading.Thread(target=runner.run)
    thread.start()
    try:
        yield loop
    finally:
        runner.stop()
        thread.join(10)
        assert not thread.is_alive()


def numbers(count: int) -> list[bytes]:
    return [str(n).encode() for n in range(count)]


def poison(*values: bytes) -> Callable[[Record], Exception | None]:
    return lambda record: ValueError("no") if record.value in values else None


def test_a_record_that_crashes_a_consumer_is_buried_and_all_others_are_taken_once() -> None:
    with running(Collector(poison(b"13", b"14", b"40")), *numbers(60)) as loop:
        eventually(lambda: len(loop.consumer.kept) == 57)
        loop.put(b"later")
        eventually(lambda: b"later" in loop.consumer.kept)

        assert sorted(loop.consumer.kept) == sorted(
            {*numbers(60), b"later"} - {b"13", b"14", b"40"}
        )
        assert sorted(value for value, _ in loop.dead()) == [b"13", b"14", b"40"]
        assert {reason for _, reason in loop.dead()} == {"collector fails on it: ValueError: no"}
        assert loop.metric("maitred_consumed_total", consumer="collector", outcome="dead") == 3
        assert loop.metric("maitred_unexpected_errors_total", program="consume-collector") >= 3


@pytest.mark.parametrize("error", [OSError("disk full"), StoreUnavailable("away")])
def test_what_waiting_may_mend_buries_nothing(error: Exception) -> None:
    is_broken = threading.Event()
    is_broken.set()
    consumer = Collector(lambda _: error if is_broken.is_set() else None)
    with running(consumer, *numbers(5)) as loop:
        SystemClock().sleep(1.5)  # six tries
        assert loop.consumer.kept == []
        is_broken.clear()
        eventually(lambda: len(loop.consumer.kept) == 5)

    assert loop.graveyard.records("t.dead") == []


def test_a_consumer_that_fails_on_everything_does_not_bury_the_whole_log() -> None:
    with running(Collector(lambda _: KeyError("defect")), *numbers(100)) as loop:
        eventually(lambda: len(loop.graveyard.records("t.dead")) >= FEW)
        SystemClock().sleep(1.0)

        assert len(loop.graveyard.records("t.dead")) == FEW
        assert loop.runner.is_alive()


def test_a_consumer_that_fails_without_any_record_buries_nothing() -> None:
    class Untidy(Collector):
        """Keeps all, then fails at tidying up, whatever came; meanwhile more comes."""

        is_untidy = True

        def finish(self) -> Outcome:
            outcome = super().finish()
            if self.is_untidy:
                self.is_due = True
                loop.put(*numbers(3))
                msg = "a file of its own is damaged"
                raise ValueError(msg)
            return outcome

    with running(Untidy()) as loop:
        loop.put(*numbers(10))
        SystemClock().sleep(2.0)
        assert loop.dead() == []
        Untidy.is_untidy = False
        eventually(lambda: len(loop.consumer.kept) >= len(loop.broker.records("t")))

    assert loop.dead() == []


def test_dead_letters_wait_for_a_log_that_is_away() -> None:
    with running(Collector(poison(b"bad"))) as loop:
        loop.graveyard.is_away = True
        loop.put(b"good", b"bad", b"better")
        SystemClock().sleep(2.0)
        assert b"better" not in loop.consumer.kept  # nothing is passed over
        loop.graveyard.is_away = False
        eventually(lambda: sorted(loop.consumer.kept) == [b"better", b"good"])

        assert [value for value, _ in loop.dead()] == [b"bad"]


def test_a_store_that_changed_is_asked_again_where_to_go_on() -> None:
    changed = [StoreChanged("emptied")]

    def fails(record: Record) -> Exception | None:
        if record.value == b"29" and changed:
            loop.consumer.next.clear()
            loop.consumer.kept.clear()
            loop.consumer.waiting.clear()
            return changed.pop()
        return None

    with running(Collector(fails)) as loop:
        loop.put(*numbers(30))
        eventually(lambda: len(loop.consumer.kept) >= 30)

        assert sorted(set(loop.consumer.kept)) == sorted(numbers(30))
