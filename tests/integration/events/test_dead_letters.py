"""Dead letters on a real Kafka: put back from the command line, purged for good, foreign ones too."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from maitred import archive
from maitred.cli import build as command_line
from maitred.clock import SystemClock
from maitred.errors import LogUnavailable
from maitred.settings import Settings
from services.consumers.audit import letters
from services.consumers.dead import DeadLetters, read_to_end
from services.consumers.deps import archive_folder, dead_reader, open_revival, purge_of
from services.consumers.purge import Purge
from services.consumers.revival import write_all
from services.eventlog.kafka import KafkaLogReader, KafkaLogWriter, ensure_topics
from services.eventlog.port import Entry, Record
from services.eventlog.topics import bootstrap_of, topics_of
from tests.support.loop import click, consuming, environment_of, loop_settings
from tests.support.servers import LiveKafka
from tests.support.waiting import eventually

CLOCK = SystemClock()
AVRO = b"\x00\x00\x00\x00\x07\x0au2\xff\xfe\x02\x8c"
"""What a producer with a schema registry writes: a magic byte, a number, packed fields."""


@pytest.fixture
def settings(tmp_path: Path, kafka: LiveKafka) -> Settings:
    made = loop_settings(tmp_path, kafka.bootstrap)
    ensure_topics(bootstrap_of(made), topics_of(made))
    return made


@pytest.fixture
def log(settings: Settings):
    writer = KafkaLogWriter(bootstrap_of(settings), topics_of(settings), clock=CLOCK)
    yield writer
    writer.close(1.0)


def dead(settings: Settings, *arguments: str):
    environment = {k: v for k, v in environment_of(settings).items() if "MAITRED" in k}
    return CliRunner().invoke(command_line(), ["events", "dead", *arguments], env=environment)


def listed(settings: Settings, *arguments: str) -> list[dict[str, object]]:
    ran = dead(settings, "list", "--json", *arguments)
    assert ran.exit_code == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


def log_of(settings: Settings) -> list[Record]:
    topics = topics_of(settings)
    reader = KafkaLogReader(bootstrap_of(settings), topics, topics.events.name, "t", clock=CLOCK)
    found, _ = read_to_end(reader, clock=CLOCK)
    reader.close()
    return found


def bury(settings: Settings, log: KafkaLogWriter, *values: tuple[str, bytes]) -> None:
    """Set records aside as a consumer does that fell over them."""
    topics = topics_of(settings)
    write_all(log, topics.events.name, [Entry(k, v, (("type", b"click"),)) for k, v in values],
              clock=CLOCK)  # fmt: skip
    found = [
        (record, "the consumer fell over it: ZeroDivisionError") for record in log_of(settings)
    ]

    def is_buried() -> bool:
        try:
            DeadLetters(log, topics.dead.name, "archive").bury(found)
        except LogUnavailable:  # the writer has not heard of the topic yet
            return False
        return True

    eventually(is_buried)


def test_after_a_fix_letters_go_back_and_are_archived_once(
    settings: Settings, log: KafkaLogWriter
) -> None:
    bury(settings, log, *((f"u{n}", orjson.dumps(click(f"e{n}", f"u{n}"))) for n in range(5)))
    names = [str(letter["name"]) for letter in listed(settings)]

    one = dead(settings, "retry", names[0])
    rest = dead(settings, "retry", "--all", "--reason", "ZeroDivision", "--json")
    again = dead(settings, "retry", *names)

    assert (one.exit_code, one.stdout) == (
        0,
        f"1 dead letters are back in {settings.events_topic}\n",
    )
    assert json.loads(rest.stdout) == {"put_back": 4, "were_back": 1}
    assert "5 were back already" in again.stdout
    assert listed(settings) == []
    assert {letter["state"] for letter in listed(settings, "--all")} == {"retried"}
    assert len(log_of(settings)) == 10
    with consuming("archive", settings):
        folder = archive_folder(settings)
        eventually(lambda: archive.census(folder).left_out["duplicates"] == 5)
    assert archive.count(folder) == 5


def test_what_another_program_wrote_is_set_aside_with_the_reason_and_comes_back_as_it_was(
    settings: Settings, log: KafkaLogWriter
) -> None:
    theirs = Entry("\udcfe\udcff", AVRO, (("schema", b"7"), ("topic", b"theirs")))
    good = Entry("u1", orjson.dumps(click("good")))
    write_all(log, topics_of(settings).events.name, [theirs, good], clock=CLOCK)

    with consuming("archive", settings):
        eventually(lambda: archive.count(archive_folder(settings)) == 1)
        eventually(lambda: len(letters(settings, CLOCK)) == 1)
        [first] = letters(settings, CLOCK)
        assert dead(settings, "retry", first.name).exit_code == 0
        eventually(lambda: len(letters(settings, CLOCK)) == 2)

    [again] = listed(settings)
    assert "not an event: event: Invalid JSON" in str(again["reason"])
    assert again["retries"] == 1
    _, back = [record for record in log_of(settings) if record.value == AVRO]
    assert back.key == "\udcfe\udcff"
    assert back.headers[:2] == (("schema", b"7"), ("topic", b"theirs"))


def test_names_that_are_not_there_and_no_names_are_refused(settings: Settings) -> None:
    absent = dead(settings, "retry", "3-99")
    nothing = dead(settings, "retry")
    both = dead(settings, "retry", "--all", "3-99")

    assert (absent.exit_code, nothing.exit_code, both.exit_code) == (1, 2, 2)
    assert "3-99" in absent.stderr
    assert "dead list" in absent.stderr


def test_only_one_process_puts_letters_back(settings: Settings) -> None:
    with open_revival(settings, CLOCK):
        ran = dead(settings, "retry", "--all")

    assert ran.exit_code == 1
    assert "another process puts dead letters back" in ran.stderr


def test_letters_of_erased_diners_leave_for_good_and_no_other(
    settings: Settings, log: KafkaLogWriter
) -> None:
    bury(settings, log, ("u1", b"no event"), ("x", b"half of {'user_id': 'u1'"), ("u12", b"u12!"),
         ("y", orjson.dumps(click("e", "u1"))), ("u3", b"stays"))  # fmt: skip
    assert dead(settings, "retry", listed(settings)[-1]["name"]).exit_code == 0

    purge = purge_of(settings, log, CLOCK)
    counts = [purge(["u1", "nobody"]), purge(["u1"])]

    assert counts == [3, 0]
    left = letters(settings, CLOCK)
    assert sorted(letter.value for letter in left) == [b"stays", b"u12!"]
    assert sorted(letter.state for letter in left) == ["retried", "waiting"]
    everything = raw(settings)
    assert not any(b"u1" in r.value and b"u12" not in r.value for r in everything)
    assert all(record.key != "u1" for record in everything)


def test_a_purge_that_is_killed_loses_no_letter_and_ends_when_repeated(
    settings: Settings, log: KafkaLogWriter
) -> None:
    bury(settings, log, ("u1", b"theirs"), ("u2", b"kept"), ("u3", b"kept too"))

    def die(_: Mapping[int, int]) -> None:
        raise KeyboardInterrupt

    half = Purge(
        log, lambda: dead_reader(settings, CLOCK), die, topics_of(settings).dead.name, clock=CLOCK
    )
    with pytest.raises(KeyboardInterrupt):
        half(["u1"])
    between = letters(settings, CLOCK)
    purge_of(settings, log, CLOCK)(["u1"])

    assert len(between) == 3
    assert values(letters(settings, CLOCK)) == [b"kept", b"kept too"]
    assert len(raw(settings)) == 2


def values(found: Sequence[object]) -> list[bytes]:
    return sorted(letter.value for letter in found)  # type: ignore[attr-defined]


def raw(settings: Settings) -> list[Record]:
    reader = dead_reader(settings, CLOCK)
    found, _ = read_to_end(reader, clock=CLOCK)
    reader.close()
    return found
