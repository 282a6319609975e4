"""``maitred events rebuild``: the archive anew from a real log, and how the present one differs."""

import json
import shutil
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from maitred import archive
from maitred.cli import build as command_line
from maitred.clock import SystemClock
from maitred.errors import LogUnavailable
from maitred.settings import Settings
from services.eventlog.kafka import KafkaLogWriter, ensure_topics
from services.eventlog.topics import bootstrap_of, topics_of
from tests.support.archives import KEY, archive_of, wire
from tests.support.loop import click, consuming, environment_of, loop_settings
from tests.support.servers import LiveKafka
from tests.support.waiting import eventually

NOW = datetime.now(UTC)  # noqa: TID251 - real servers
EARLIER = (NOW - timedelta(hours=1)).isoformat()
LOG = [
    *(click(f"e{number}", f"u{number % 7}") for number in range(40)),
    click("e3", "u3"),  # twice, with another time: a conflict
    click("gone", "erased", occurred_at=EARLIER),
    {"type": "erase", "event_id": "wish", "user_id": "erased", "occurred_at": NOW.isoformat()},
    click("late", "erased", occurred_at=EARLIER),
    click("back", "erased", occurred_at=(NOW + timedelta(seconds=1)).isoformat()),
]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, kafka: LiveKafka) -> Settings:
    """A log and the archive that the archiver made of it."""
    home = tmp_path_factory.mktemp("written")
    settings = loop_settings(home, kafka.bootstrap, erasure_key=KEY)
    topics = topics_of(settings)
    ensure_topics(bootstrap_of(settings), topics)
    log = KafkaLogWriter(bootstrap_of(settings), topics, clock=SystemClock())

    def is_written(user: str, value: bytes) -> bool:
        try:
            log.append(topics.events.name, user, value).result(10)
        except LogUnavailable:
            return False
        return True

    for event in [*LOG, LOG[0]]:
        user, value = str(event["user_id"]), orjson.dumps(event)
        eventually(lambda user=user, value=value: is_written(user, value))
    assert is_written("x", b"no event")
    log.close(2)
    with consuming("archive", settings):
        eventually(lambda: archive.count(home / "archive") == 41)
    return settings


@pytest.fixture
def settings(written: Settings, tmp_path: Path) -> Settings:
    """The same log, and a copy of the archive to spoil."""
    shutil.copytree(written.state_dir / "archive", tmp_path / "archive")
    fields = written.model_dump(exclude_unset=True) | {"state_dir": tmp_path, "erasure_key": KEY}
    return Settings.model_validate(fields)


def rebuild(settings: Settings, *arguments: str):
    environment = {n: v for n, v in environment_of(settings).items() if "MAITRED" in n}
    environment["MAITRED_ERASURE_KEY"] = KEY
    out = settings.state_dir / "rebuilt"
    ran = CliRunner(env=environment).invoke(
        command_line(), ["events", "rebuild", str(out), *arguments]
    )
    return ran, out


def test_what_the_log_gives_is_what_the_archive_holds(settings: Settings) -> None:
    ran, out = rebuild(settings, "--json")

    found = json.loads(ran.stdout)
    assert ran.exit_code == 0, ran.stderr
    assert (found["both"], found["only_archive"], found["only_log"], found["differing"]) == (
        41,
        0,
        0,
        0,
    )
    assert archive.census(out).repeated == 0
    names = set(archive.table(out)["event_id"].to_pylist())
    assert "back" in names
    assert not names & {"gone", "late", "wish"}
    assert [e.rows for e in archive.erasures(out)] == [
        e.rows for e in archive.erasures(settings.state_dir / "archive")
    ]


def test_what_only_the_archive_has_is_told_and_no_fault(settings: Settings) -> None:
    archive_of(settings.state_dir / "archive", wire("click", "from before the log"))

    ran, _ = rebuild(settings)

    assert ran.exit_code == 0, ran.stderr
    assert "only archive" in ran.stdout


def test_an_event_that_the_archive_misses_is_named_and_the_command_fails(
    settings: Settings,
) -> None:
    with sqlite3.connect(settings.state_dir / "archive" / "ledger.sqlite") as ledger:
        ledger.execute(
            "DELETE FROM files WHERE type = 'click' AND rows = (SELECT MAX(rows) FROM files)"
        )
    ledger.close()
    left = archive.count(settings.state_dir / "archive")

    ran, _ = rebuild(settings, "--json")

    found = json.loads(ran.stdout)
    assert ran.exit_code == 1
    assert left < 41
    assert (found["only_log"], found["both"]) == (41 - left, left)
    assert "missing" in found["examples"][0]["fault"]
    assert "docs/runbook.md" in ran.stderr


def test_an_archive_that_is_lost_misses_everything(settings: Settings) -> None:
    shutil.rmtree(settings.state_dir / "archive")

    ran, out = rebuild(settings, "--json")

    assert ran.exit_code == 1
    assert json.loads(ran.stdout)["only_log"] == 41
    shutil.move(out, settings.state_dir / "archive")
    with consuming("archive", settings):  # goes on where the log was read to
        SystemClock().sleep(1.5)
    assert archive.census(settings.state_dir / "archive").left_out["duplicates"] == 1
    assert archive.count(settings.state_dir / "archive") == 41


def test_an_event_with_another_body_is_named_with_the_field(settings: Settings) -> None:
    folder = settings.state_dir / "archive"
    shutil.rmtree(folder)
    archive_of(folder, click("e5", "u5", restaurant_id="another"))

    ran, _ = rebuild(settings, "--json")

    found = json.loads(ran.stdout)
    assert ran.exit_code == 1
    assert found["differing"] == 1
    [fault] = [e["fault"] for e in found["examples"] if e["fault"].startswith("differs")]
    assert "restaurant_id" in fault


def test_a_folder_that_exists_is_left_alone(settings: Settings) -> None:
    (settings.state_dir / "rebuilt").mkdir()

    ran, out = rebuild(settings)

    assert ran.exit_code == 1
    assert "exists" in ran.stderr
    assert list(out.iterdir()) == []
