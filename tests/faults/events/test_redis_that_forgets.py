"""A Redis that is emptied, or comes back older than it was, under a consumer that runs: states heal."""

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from maitred.clock import SystemClock
from maitred.errors import StoreUnavailable
from maitred.events import Click, encode
from maitred.settings import Settings
from maitred.store.client import connect
from maitred.store.state import StateStore
from services.eventlog.kafka import KafkaLogWriter, ensure_topics
from services.eventlog.topics import bootstrap_of, topics_of
from tests.support.diners import START
from tests.support.loop import consuming, loop_settings
from tests.support.servers import LiveKafka, LiveValkey
from tests.support.waiting import eventually

USERS = [f"u{n}" for n in range(8)]


@pytest.fixture
def settings(tmp_path: Path, kafka: LiveKafka, own_valkey: LiveValkey) -> Settings:
    return loop_settings(tmp_path / "state", kafka.bootstrap, own_valkey.url)


@pytest.fixture
def log(settings: Settings) -> Iterator[KafkaLogWriter]:
    topics = topics_of(settings)
    ensure_topics(bootstrap_of(settings), topics)
    writer = KafkaLogWriter(bootstrap_of(settings), topics, clock=SystemClock())
    yield writer
    writer.close(2)


def put(log: KafkaLogWriter, settings: Settings, *numbers: int) -> None:
    """A click of every diner for each number."""
    for number in numbers:
        for user in USERS:
            at = START + timedelta(minutes=number)
            event = Click(event_id=f"e{number}", user_id=user, occurred_at=at, restaurant_id="r")
            eventually(lambda event=event: accepted(log, settings, event))


def accepted(log: KafkaLogWriter, settings: Settings, event: Click) -> bool:
    try:
        log.append(settings.events_topic, event.user_id, encode(event)).result(10)
    except Exception:  # noqa: BLE001 - the topic may not be known yet
        return False
    return True


def known(settings: Settings) -> set[tuple[str, ...]]:
    """What is known of all diners: one, when it is the same of each."""
    with connect(settings.redis_url or "") as redis:
        try:
            found = StateStore(redis).load(USERS)
        except StoreUnavailable:
            return set()
    return {tuple(i.event_id for i in state.recent) for state in found.values()}


def test_a_redis_that_is_emptied_is_filled_again_even_if_nothing_comes(
    settings: Settings, log: KafkaLogWriter, own_valkey: LiveValkey
) -> None:
    with consuming("features", settings):
        put(log, settings, 1, 2)
        eventually(lambda: known(settings) == {("e1", "e2")})

        own_valkey.flush()

        eventually(lambda: known(settings) == {("e1", "e2")}, within_s=10)


def test_a_redis_that_comes_back_older_is_given_what_it_lost(
    settings: Settings, log: KafkaLogWriter, own_valkey: LiveValkey, tmp_path: Path
) -> None:
    home, copy = tmp_path / "own-valkey", tmp_path / "yesterday"
    with consuming("features", settings):
        put(log, settings, 1)
        eventually(lambda: known(settings) == {("e1",)})
        SystemClock().sleep(3.0)  # all buckets know the offset, and the file has it
        own_valkey.kill()
        shutil.copytree(home, copy)
        own_valkey.restart()
        put(log, settings, 2)
        eventually(lambda: known(settings) == {("e1", "e2")})

        own_valkey.kill()
        shutil.rmtree(home)
        shutil.copytree(copy, home)
        own_valkey.restart()
        assert known(settings) in ({("e1",)}, {("e1", "e2")}, {("e1",), ("e1", "e2")})

        eventually(lambda: known(settings) == {("e1", "e2")}, within_s=10)


def test_a_consumer_that_starts_goes_back_to_what_redis_has(
    settings: Settings, log: KafkaLogWriter, own_valkey: LiveValkey, tmp_path: Path
) -> None:
    """Kafka remembers that all was read; Redis lost the last of it."""
    home, copy = tmp_path / "own-valkey", tmp_path / "yesterday"
    with consuming("features", settings):
        put(log, settings, 1)
        eventually(lambda: known(settings) == {("e1",)})
    own_valkey.kill()
    shutil.copytree(home, copy)
    own_valkey.restart()
    with consuming("features", settings):
        put(log, settings, 2)
        eventually(lambda: known(settings) == {("e1", "e2")})
        SystemClock().sleep(1.0)  # committed, too
    own_valkey.kill()
    shutil.rmtree(home)
    shutil.copytree(copy, home)
    own_valkey.restart()
    assert known(settings) == {("e1",)}

    with consuming("features", settings):
        eventually(lambda: known(settings) == {("e1", "e2")})
