"""``maitred erase`` as a person calls it: where it finds ingest and the key, and what it says."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from maitred.cli import build
from maitred.events import decode
from tests.support.doors import Door
from tests.support.servers import LiveValkey


def erase(state: Path, *arguments: str, **environment: str) -> Result:
    env = {"MAITRED_STATE_DIR": str(state)} | environment
    return CliRunner().invoke(build(), ["erase", *arguments], env=env)


@pytest.fixture
def state(tmp_path: Path, standing: Door) -> Path:
    """The folder of a stack whose ingest is ``standing``."""
    record = {"services": {"ingest": {"url": str(standing.client.base_url)}}}
    (tmp_path / "stack.json").write_text(json.dumps(record))
    (tmp_path / "admin.key").write_text("sesame\n")
    return tmp_path


def test_it_says_what_is_erased_when_and_what_ages_out(state: Path, standing: Door) -> None:
    ran = erase(state, "anna/1")

    assert ran.exit_code == 0, ran.stderr
    assert decode(standing.behind.values()[-1]).user_id == "anna/1"
    assert ran.stdout.startswith("anna/1 is to be forgotten, as of ")
    for place in ("redis: ", "archive: ", "spool: ", "models: ", "log: ", "dead letters: "):
        assert f"\n  {place}" in ran.stdout


def test_a_script_gets_the_reply(state: Path, standing: Door) -> None:
    ran = erase(state, "bert", "--json")

    said = json.loads(ran.stdout)
    assert said["user"] == "bert"
    assert decode(standing.behind.values()[-1]).event_id == said["event_id"]


def test_the_setting_and_the_option_say_where_ingest_is(tmp_path: Path, standing: Door) -> None:
    url = str(standing.client.base_url)

    by_setting = erase(tmp_path, "u1", MAITRED_INGEST_URL=url, MAITRED_ADMIN_KEY="sesame")
    by_option = erase(tmp_path, "u1", "--url", url, MAITRED_ADMIN_KEY="sesame")

    assert (by_setting.exit_code, by_option.exit_code) == (0, 0)


def test_without_a_key_it_says_where_one_would_be(tmp_path: Path) -> None:
    ran = erase(tmp_path, "u1")

    assert ran.exit_code == 2
    assert f"there is no admin key at {tmp_path / 'admin.key'}" in ran.stderr
    assert "next: set MAITRED_ADMIN_KEY or MAITRED_STATE_DIR" in ran.stderr


def test_a_wrong_key_and_an_absent_ingest_are_refused_with_a_next_step(state: Path) -> None:
    wrong = erase(state, "u1", MAITRED_ADMIN_KEY="open")
    absent = erase(state, "u1", "--url", "http://127.0.0.1:9")

    assert (wrong.exit_code, absent.exit_code) == (1, 1)
    assert "this needs the admin key" in wrong.stderr
    assert "next: send 'Authorization: Bearer <key>'" in wrong.stderr
    assert "cannot be reached" in absent.stderr
    assert "`maitred status` says what runs and where" in absent.stderr


def test_waiting_needs_the_archive_and_ends_when_readers_do_not_come(
    state: Path, standing: Door, valkey: LiveValkey
) -> None:
    waiting = ("u1", "--wait", "--within", "0.5")
    asked = len(standing.behind.values())
    without = erase(state, *waiting, MAITRED_REDIS_URL=valkey.url)
    asked_since = len(standing.behind.values()) - asked
    (state / "archive").mkdir()

    ran = erase(state, *waiting, MAITRED_REDIS_URL=valkey.url)

    assert without.exit_code == 2
    assert "run it where the archiver runs, or without --wait" in without.stderr
    assert asked_since == 0  # refused before anything was asked for
    assert ran.exit_code == 1
    assert "asked for and durable, but not done in Redis and the archive yet" in ran.stderr
    assert "docs/runbook.md, an erasure is stuck" in ran.stderr
