"""``maitred events``: what a person or a script asks about the archive and the dead letters."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from maitred.cli import build as command_line
from maitred.clock import SystemClock
from maitred.errors import LogUnavailable
from services.consumers.dead import DeadLetters
from services.eventlog.kafka import KafkaLogWriter, ensure_topics
from services.eventlog.port import Record
from services.eventlog.topics import bootstrap_of, topics_of
from tests.support.archives import KEY, archive_of, erase, order, wire
from tests.support.loop import environment_of, loop_settings
from tests.support.servers import LiveKafka
from tests.support.waiting import eventually


def events(state: Path, *arguments: str, **environment: str):
    env = {"MAITRED_STATE_DIR": str(state)} | environment
    return CliRunner().invoke(command_line(), ["events", *arguments], env=env)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    archive_of(
        tmp_path / "archive", wire("click", "a"), wire("click", "a"), order("b", traffic="load")
    )
    return tmp_path


def test_an_audit_counts_the_archive_by_event_id(state: Path) -> None:
    ran = events(state, "audit", "--json")

    found = json.loads(ran.stdout)
    assert ran.exit_code == 0
    assert (found["archived"], found["repeated"], found["duplicates"]) == (2, 0, 1)
    assert found["by_kind"] == {"click/live": 1, "order/load": 1}
    assert found["accepted"] is None


def test_an_audit_for_a_person_is_a_table(state: Path) -> None:
    ran = events(state, "audit")

    assert ran.exit_code == 0
    assert "archived" in ran.stdout


def test_an_audit_of_accepted_ids_names_the_ones_that_are_missing(state: Path) -> None:
    accepted = state / "accepted.txt"
    accepted.write_text("a\nb\nc\n")

    ran = events(state, "audit", "--ids", str(accepted), "--json")

    assert ran.exit_code == 1
    assert json.loads(ran.stdout)["missing"] == ["c"]
    assert "1 events are missing" in ran.stderr


def test_ids_of_erased_diners_are_listed_apart_and_do_not_fail_the_audit(state: Path) -> None:
    archive_of(state / "archive", wire("click", "gone", user_id="u9"), erase("e", user_id="u9"))
    (state / "erasure.key").write_text(KEY)
    accepted = state / "accepted.txt"
    accepted.write_text("a\nb\ngone\ne\n")

    ran = events(state, "audit", "--ids", str(accepted), "--json")

    found = json.loads(ran.stdout)
    assert ran.exit_code == 0, ran.stderr
    assert (found["missing"], found["erased_ids"], found["erased"]) == ([], ["gone", "e"], 2)


def test_a_list_of_ids_that_is_not_there_is_wrong_usage(state: Path) -> None:
    assert events(state, "audit", "--ids", str(state / "nothing")).exit_code == 2


def test_dead_letters_are_listed_once_and_shown_whole(tmp_path: Path, kafka: LiveKafka) -> None:
    settings = loop_settings(tmp_path, kafka.bootstrap)
    topics = topics_of(settings)
    ensure_topics(bootstrap_of(settings), topics)
    log = KafkaLogWriter(bootstrap_of(settings), topics, clock=SystemClock())
    dead = DeadLetters(log, topics.dead.name, "archive")
    letters = [(Record(topics.events.name, 2, 17, "u1", b"no \xff event"), "not an event")]
    eventually(lambda: _tried(dead, letters))
    dead.bury(letters)  # once more, as after a crash
    log.close(2)
    environment = {
        name: value for name, value in environment_of(settings).items() if "MAITRED" in name
    }

    listed = events(tmp_path, "dead", "list", "--json", **environment)
    shown = events(tmp_path, "dead", "show", "2-17", **environment)
    absent = events(tmp_path, "dead", "show", "9-9", **environment)

    [letter] = [json.loads(line) for line in listed.stdout.splitlines()]
    assert (letter["name"], letter["reason"], letter["bytes"]) == ("2-17", "not an event", 10)
    assert shown.stdout == "no \\xff event\n"
    assert absent.exit_code == 1
    assert "dead list" in absent.stderr


def _tried(dead: DeadLetters, letters: list[tuple[Record, str]]) -> bool:
    try:
        dead.bury(letters)
    except LogUnavailable:
        return False
    return True
