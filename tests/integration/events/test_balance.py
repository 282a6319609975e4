"""``maitred events audit`` adds up: what was read from the log became something, the rest is on the way."""

import json
from pathlib import Path

from typer.testing import CliRunner, Result

from maitred.cli import build
from maitred.settings import Settings
from tests.support.archives import archive_of, order, wire
from tests.support.doors import click, opened

TOPIC = "t"  # what `archive_of` writes under


def audit(state: Path, *arguments: str) -> Result:
    env = {"MAITRED_STATE_DIR": str(state), "MAITRED_EVENTS_TOPIC": TOPIC}
    return CliRunner().invoke(build(), ["events", "audit", *arguments], env=env)


def test_every_record_that_was_read_is_accounted_for(tmp_path: Path) -> None:
    archive_of(
        tmp_path / "archive",
        wire("click", "a"),
        wire("click", "a"),  # repeated
        order("b"),
        wire("click", "b"),  # another body: dead
    )

    found = json.loads(audit(tmp_path, "--json").stdout)["balance"]

    names = ("read", "archived", "repeated", "dead", "erased", "unexplained")
    assert [found[name] for name in names] == [4, 2, 1, 1, 0, 0]
    assert (found["accepted"], found["unread"], found["spooled"]) == (None, None, 0)


def test_what_waits_on_disk_and_what_ingest_accepted_is_in_it(tmp_path: Path) -> None:
    with opened(tmp_path) as door:
        door.behind.broker.is_away = True
        door.statuses(*(click(f"e{number}") for number in range(3)))
        url = str(door.client.base_url)
        stack = {"services": {"ingest": {"url": url}, "consume-archive": {"url": url}}}
        (tmp_path / "stack.json").write_text(json.dumps(stack))

        said = audit(tmp_path).stdout
        found = json.loads(audit(tmp_path, "--json").stdout)["balance"]

    assert (found["accepted"], found["spooled"], found["unread"]) == (3, 3, 0)
    assert "read from the log 0 = archived 0 + repeated 0 + dead 0 + erased 0\n" in said
    assert "3 in spools; accepted since ingest started: 3" in said


def test_rows_that_nobody_read_are_said_to_be_unexplained(tmp_path: Path) -> None:
    archive_of(tmp_path / "archive", wire("click", "a"))
    other = Settings(state_dir=tmp_path, events_topic="another")

    ran = CliRunner().invoke(
        build(),
        ["events", "audit"],
        env={"MAITRED_STATE_DIR": str(tmp_path), "MAITRED_EVENTS_TOPIC": other.events_topic},
    )

    assert "+ unexplained -1" in ran.stdout
