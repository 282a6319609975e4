"""One suite for every log: what the port promises, Kafka and the log in memory keep."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from maitred.clock import SystemClock
from maitred.errors import LogUnavailable
from services.eventlog.kafka import KafkaLogReader, KafkaLogWriter, ensure_topics
from services.eventlog.memory import MemoryBroker, MemoryLogReader, MemoryLogWriter
from services.eventlog.port import LogReader, LogWriter, Record
from services.eventlog.topics import Topic, Topics

WITHIN_S = 15.0


@dataclass
class Log:
    topic: str
    writer: LogWriter
    open_reader: Callable[[str], LogReader]
    """A reader by its name; what it commits is found again under the same name."""

    def put(self, *pairs: tuple[str, bytes]) -> None:
        """Append and wait for each acknowledgement, as soon as the log can be reached."""
        for future in [self._append(key, value) for key, value in pairs]:
            future.result(WITHIN_S)

    def _append(self, key: str, value: bytes):  # noqa: ANN202
        clock = SystemClock()
        deadline = clock.monotonic() + WITHIN_S
        while True:
            try:
                return self.writer.append(self.topic, key, value)
            except LogUnavailable:
                assert clock.monotonic() < deadline
                clock.sleep(0.05)


@pytest.fixture(params=["memory", "kafka"])
def log(request: pytest.FixtureRequest) -> Iterator[Log]:
    if request.param == "memory":
        broker = MemoryBroker(partitions=3)
        yield Log("t", MemoryLogWriter(broker), lambda name: MemoryLogReader(broker, "t", name))
        return
    kafka = request.getfixturevalue("kafka")
    name = f"contract.{uuid.uuid4().hex}"
    day = timedelta(days=1)
    topics = Topics(Topic(name, 3, day), Topic(f"{name}.dead", 1, day))
    clock = SystemClock()
    writer = KafkaLogWriter([kafka.bootstrap], topics, clock=clock)
    ensure_topics([kafka.bootstrap], topics)
    yield Log(
        name,
        writer,
        lambda reader: KafkaLogReader([kafka.bootstrap], topics, name, reader, clock=clock),
    )
    writer.close(2.0)


def read(reader: LogReader, count: int) -> list[Record]:
    clock = SystemClock()
    deadline = clock.monotonic() + WITHIN_S
    found: list[Record] = []
    while len(found) < count and clock.monotonic() < deadline:
        found += reader.poll(0.2)
    return found


def test_records_of_one_key_are_read_in_the_order_they_were_appended(log: Log) -> None:
    reader = log.open_reader("orderly")
    pairs = [(f"diner-{n % 5}", str(n).encode()) for n in range(200)]

    log.put(*pairs)

    found = read(reader, 200)
    for diner in range(5):
        values = [int(record.value) for record in found if record.key == f"diner-{diner}"]
        assert values == list(range(diner, 200, 5))
    reader.close()


def test_a_record_keeps_its_value_headers_and_place(log: Log) -> None:
    reader = log.open_reader("faithful")
    log.put(("ada", b"plain"))

    headers = (("reason", b"why"), ("reason", "größe".encode()))
    log.writer.append(log.topic, "ada", b"\x00\xff", headers).result(WITHIN_S)

    first, second = read(reader, 2)
    assert (second.key, second.value, second.headers) == ("ada", b"\x00\xff", headers)
    assert (first.partition, first.offset + 1) == (second.partition, second.offset)
    reader.close()


def test_a_reader_goes_on_where_its_name_committed(log: Log) -> None:
    log.put(*(("ada", str(n).encode()) for n in range(10)))
    reader = log.open_reader("returning")
    half = read(reader, 10)[:5]
    reader.commit({half[-1].partition: half[-1].offset + 1})
    reader.close()

    again = log.open_reader("returning")
    rest = [record.value for record in read(again, 5)]
    other = log.open_reader("stranger")
    everything = read(other, 10)

    assert rest == [b"5", b"6", b"7", b"8", b"9"]
    assert len(everything) == 10
    again.close()
    other.close()


def test_a_reader_goes_back_to_where_it_is_told(log: Log) -> None:
    log.put(*(("ada", str(n).encode()) for n in range(5)))
    reader = log.open_reader("seeking")
    partition = read(reader, 5)[0].partition

    reader.seek({partition: 3})

    assert [record.value for record in read(reader, 2)] == [b"3", b"4"]
    reader.close()


def test_a_seek_before_the_first_poll_holds(log: Log) -> None:
    log.put(*(("ada", str(n).encode()) for n in range(5)))
    scout = log.open_reader("scout")
    partition = read(scout, 5)[0].partition
    reader = log.open_reader("early")

    reader.seek({partition: 4})

    assert [record.value for record in read(reader, 1)] == [b"4"]
    reader.close()
    scout.close()


def test_a_rewound_reader_begins_anew_whatever_was_committed(log: Log) -> None:
    log.put(*((f"diner-{n}", str(n).encode()) for n in range(6)))
    reader = log.open_reader("rewinding")
    everything = read(reader, 6)
    reader.commit({record.partition: record.offset + 1 for record in everything})
    reader.rewind()
    again = read(reader, 6)
    reader.close()

    later = log.open_reader("rewinding")
    later.rewind()
    later.seek({everything[0].partition: everything[0].offset + 1})
    rest = read(later, 5)

    first = (everything[0].partition, everything[0].offset)
    assert sorted(r.value for r in again) == sorted(r.value for r in everything)
    assert first not in {(r.partition, r.offset) for r in rest}
    assert len(rest) >= 5
    later.close()


def test_a_seek_beyond_what_the_log_holds_means_its_oldest_record(log: Log) -> None:
    log.put(*(("ada", str(n).encode()) for n in range(3)))
    reader = log.open_reader("astray")
    partition = read(reader, 3)[0].partition

    reader.seek({partition: 1_000})

    assert [record.value for record in read(reader, 3)] == [b"0", b"1", b"2"]
    assert reader.positions()[partition] == 3
    reader.close()


def test_a_record_says_when_it_was_appended(log: Log) -> None:
    before_ms = SystemClock().now().timestamp() * 1000
    log.put(("ada", b"x"))
    reader = log.open_reader("punctual")

    [record] = read(reader, 1)

    after_ms = SystemClock().now().timestamp() * 1000
    assert before_ms - 1 <= record.timestamp_ms <= after_ms
    reader.close()


def test_positions_and_ends_meet_when_all_was_read(log: Log) -> None:
    log.put(*((f"diner-{n}", b"x") for n in range(20)))
    reader = log.open_reader("lagless")

    read(reader, 20)

    assert dict(reader.positions()) == dict(reader.end_offsets())
    assert sum(reader.end_offsets().values()) == 20
    reader.close()


def test_a_writer_takes_records_after_a_reset(log: Log) -> None:
    reader = log.open_reader("reset")
    log.put(("ada", b"before"))

    log.writer.reset()
    log.put(("ada", b"after"))

    assert [record.value for record in read(reader, 2)] == [b"before", b"after"]
    reader.close()
