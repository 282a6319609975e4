"""Dead letters put back into a log in memory, with death at every step in between."""

from collections import Counter
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass

import pytest

from maitred.clock import ManualClock, SystemClock
from maitred.errors import LogUnavailable
from maitred.settings import Settings
from services.consumers.dead import DeadLetters, Register
from services.consumers.revival import ORIGIN, Revival
from services.eventlog.memory import MemoryBroker, MemoryLogReader, MemoryLogWriter
from services.eventlog.port import Headers, LogWriter, Record
from services.eventlog.topics import topics_of

TOPICS = topics_of(Settings())
EVENTS, DEAD = TOPICS.events.name, TOPICS.dead.name
LETTERS = [
    (Record(EVENTS, 0, 3, "u1", b"\xff no event", (("type", b"click"),)), "not an event"),
    (Record(EVENTS, 1, 9, "\udcfe", b"", (("topic", b"their own"),)), "not an event"),
    (Record(EVENTS, 1, 11, "u2", b"{}", ()), "conflict"),
]


@dataclass
class Mortal:
    """A writer whose process dies when it was about to append for the ``lives``-th time."""

    writer: MemoryLogWriter
    lives: int

    def append(self, topic: str, key: str, value: bytes, headers: Headers = ()) -> "Future[None]":
        if self.lives == 0:
            raise KeyboardInterrupt
        self.lives -= 1
        return self.writer.append(topic, key, value, headers)

    def reset(self) -> None:
        self.writer.reset()

    def close(self, within_s: float) -> None:
        self.writer.close(within_s)


@pytest.fixture
def broker() -> MemoryBroker:
    made = MemoryBroker(partitions=2)
    DeadLetters(MemoryLogWriter(made), DEAD, "archive").bury(LETTERS)
    return made


def revival(broker: MemoryBroker, log: LogWriter | None = None) -> Revival:
    return Revival(
        log or MemoryLogWriter(broker),
        TOPICS,
        lambda topic: MemoryLogReader(broker, topic, "maitred.dead"),
        clock=SystemClock(),
    )


def retry_all(one: Revival) -> int:
    register = one.register()
    return one.put_back(register.letters, register)


def back(broker: MemoryBroker) -> list[tuple[str, bytes]]:
    return [(record.key, record.value) for record in broker.records(EVENTS)]


def test_letters_go_back_with_key_value_and_their_own_headers(broker: MemoryBroker) -> None:
    assert retry_all(revival(broker)) == 3

    found = {record.value: record for record in broker.records(EVENTS)}
    assert {r.key for r in found.values()} == {"u1", "u2", "\udcfe"}
    first = found[b"\xff no event"].headers
    assert first == (("type", b"click"), ("retried", b"1"), (ORIGIN, f"{EVENTS}/0-3".encode()))
    assert found[b""].headers[0] == ("topic", b"their own")


def test_a_letter_that_is_back_does_not_go_there_again(broker: MemoryBroker) -> None:
    retry_all(revival(broker))

    assert retry_all(revival(broker)) == 0

    assert len(back(broker)) == 3
    assert [letter.state for letter in revival(broker).register().letters] == ["retried"] * 3


@pytest.mark.parametrize("lives", range(9))
def test_killed_before_any_write_each_goes_back_once(broker: MemoryBroker, lives: int) -> None:
    with pytest.raises(KeyboardInterrupt):
        retry_all(revival(broker, Mortal(MemoryLogWriter(broker), lives)))
    with suppress(KeyboardInterrupt):  # and again, soon after, unless one step was left
        retry_all(revival(broker, Mortal(MemoryLogWriter(broker), 1)))

    retry_all(revival(broker))

    assert Counter(back(broker)) == Counter((r.key, r.value) for r, _ in LETTERS)
    assert {letter.state for letter in revival(broker).register().letters} == {"retried"}


def test_one_that_fails_again_is_a_letter_of_its_own_with_a_count(broker: MemoryBroker) -> None:
    retry_all(revival(broker))
    again = broker.records(EVENTS)[0]
    DeadLetters(MemoryLogWriter(broker), DEAD, "archive").bury([(again, "still no event")])

    [waiting] = [x for x in revival(broker).register().letters if x.state == "waiting"]

    assert (waiting.retries, waiting.reason) == (1, "still no event")
    assert waiting.origin == (again.topic, again.partition, again.offset)
    retry_all(revival(broker))
    assert dict(broker.records(EVENTS)[-1].headers)["retried"] in {b"1", b"2"}
    assert max(int(dict(r.headers)["retried"]) for r in broker.records(EVENTS)) == 2


def test_a_log_that_is_away_is_named(broker: MemoryBroker) -> None:
    register = revival(broker).register()
    broker.is_away = True

    with pytest.raises(LogUnavailable, match="is away"):
        Revival(
            MemoryLogWriter(broker),
            TOPICS,
            lambda topic: MemoryLogReader(broker, topic, "maitred.dead"),
            clock=ManualClock(),
        ).put_back(register.letters, register)


def test_a_topic_without_letters_is_an_empty_register() -> None:
    assert revival(MemoryBroker()).register() == Register([], {})
