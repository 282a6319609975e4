"""``maitred events replay`` on real servers: nothing is lost while events come; what it refuses."""

import fcntl
import json
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from maitred import archive
from maitred.cli import build as command_line
from maitred.clock import SystemClock
from maitred.errors import LogUnavailable
from maitred.events import Event, encode
from maitred.ids import BUCKETS
from maitred.settings import Settings
from maitred.store.client import connect
from maitred.store.state import Spaces
from services.consumers.deps import archive_folder
from services.eventlog.kafka import KafkaLogWriter, ensure_topics
from services.eventlog.topics import bootstrap_of, topics_of
from tests.support.diners import recomputed
from tests.support.histories import history, served
from tests.support.loop import consuming, environment_of, loop_settings
from tests.support.servers import LiveKafka, LiveValkey
from tests.support.waiting import eventually


@pytest.fixture
def settings(tmp_path: Path, kafka: LiveKafka, valkey: LiveValkey) -> Settings:
    return loop_settings(tmp_path / "state", kafka.bootstrap, valkey.url)


def replaying(settings: Settings, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a process of its own: it gives way to others for good."""
    return subprocess.run(
        [sys.executable, "-m", "maitred", "events", "replay", *arguments],
        env=environment_of(settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def refused(settings: Settings, *arguments: str):
    env = environment_of(settings)
    return CliRunner().invoke(command_line(), ["events", "replay", *arguments], env=env)


@dataclass
class Producer:
    """Writes into the log, and remembers what; until told to stop, or a part at once."""

    settings: Settings
    log: list[Event]
    enough: threading.Event

    def put(self, events: list[Event]) -> None:
        topics = topics_of(self.settings)
        ensure_topics(bootstrap_of(self.settings), topics)
        writer = KafkaLogWriter(bootstrap_of(self.settings), topics, clock=SystemClock())
        futures = []
        for event in events:
            while True:
                try:
                    futures.append(writer.append(topics.events.name, event.user_id, encode(event)))
                    break
                except LogUnavailable:
                    SystemClock().sleep(0.05)
        for future in futures:
            future.result(10)
        self.log += events
        writer.close(2)

    def run(self) -> None:
        number = 1000
        while not self.enough.is_set():
            self.put(history(number, 20))
            number += 20


def test_a_replay_loses_nothing_while_events_come(settings: Settings, valkey: LiveValkey) -> None:
    log: list[Event] = []
    producer = Producer(settings, log, threading.Event())
    folder = archive_folder(settings)
    with consuming("archive", settings):
        producer.put(history(0, 150))
        eventually(lambda: archive.count(folder, kinds={"click"}) >= 140)
    with consuming("features", settings), connect(valkey.url) as redis:
        producer.put(history(150, 100))  # these are in the log only
        eventually(lambda: served(redis, log) == recomputed(log))
        eventually(lambda: len([*redis.scan_iter(match="*:mark:0")]) == BUCKETS)
        thread = threading.Thread(target=producer.run)
        thread.start()
        try:
            ran = replaying(settings, "--json")
        finally:
            producer.enough.set()
            thread.join(30)

        assert ran.returncode == 0, ran.stderr
        told = json.loads(ran.stdout)
        assert (told["space"], told["before"]) == (1, 0)
        assert told["from_archive"] > 120
        assert told["events"] == told["from_archive"] + told["from_log"]
        assert 20 <= told["diners"] <= 23  # some are being erased
        assert told["removed_keys"] >= 20 + BUCKETS
        eventually(lambda: served(redis, log) == recomputed(log))
        assert Spaces(redis).current() == 1
        found = {name.split(b":")[2] for name in redis.scan_iter(match="*:state:*")}
        assert found == {b"1"}


def test_a_second_replay_is_refused(settings: Settings) -> None:
    settings.state_dir.mkdir(parents=True)
    with (settings.state_dir / "replay.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ran = refused(settings)

    assert ran.exit_code == 1
    assert "another replay runs" in ran.stderr
    assert "wait for its end" in ran.stderr


def test_without_redis_it_is_said_what_is_away(settings: Settings) -> None:
    away = settings.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})

    ran = replaying(away)

    assert ran.returncode == 1
    assert "Redis did not answer" in ran.stderr
    assert "maitred status" in ran.stderr


@pytest.mark.parametrize("source", ["yesterday", "2026-05-01", "2026-05-01T10:00:00"])
def test_a_source_that_is_none_is_wrong_usage(settings: Settings, source: str) -> None:
    ran = refused(settings, "--from", source)

    assert ran.exit_code == 2
    assert repr(source) in ran.stderr
    assert "for example --from 2026-05-01T00:00:00+02:00" in ran.stderr
