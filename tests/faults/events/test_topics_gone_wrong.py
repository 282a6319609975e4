"""Topics that are not as they should be, on a real Kafka: named in the log, and nothing accepted is lost."""

import logging
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from prometheus_client import CollectorRegistry

from maitred import archive
from maitred.clock import SystemClock
from maitred.observability import Metrics
from maitred.settings import Settings
from services.consumers.audit import audit_archive
from services.consumers.deps import archive_folder
from services.eventlog.kafka import ensure_topics
from services.eventlog.port import Entry
from services.eventlog.publisher import Publisher, open_publisher
from services.eventlog.topics import Topic, Topics, bootstrap_of, topics_of
from tests.support.loop import click, consuming, loop_settings
from tests.support.servers import LiveKafka
from tests.support.topics import delete_topic
from tests.support.waiting import eventually

CLOCK = SystemClock()


@pytest.fixture
def settings(tmp_path: Path, kafka: LiveKafka) -> Settings:
    return loop_settings(tmp_path, kafka.bootstrap)


def publish(publisher: Publisher, *names: str) -> None:
    entries = [Entry(f"u-{name}", orjson.dumps(click(name, f"u-{name}"))) for name in names]
    publisher.publish(entries).result(10)


def publishing(settings: Settings):
    metrics = Metrics(CollectorRegistry())
    return open_publisher(settings, "ingest", clock=CLOCK, metrics=metrics)


def test_a_topic_deleted_under_the_running_system_comes_back_and_what_is_accepted_is_archived(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    folder = archive_folder(settings)
    with publishing(settings) as publisher, consuming("archive", settings):
        publish(publisher, "before")
        eventually(lambda: archive.count(folder) == 1)

        delete_topic(settings)
        names = [f"after-{n}" for n in range(20)]
        for name in names:
            publish(publisher, name)

        eventually(lambda: audit_archive(folder, ["before", *names]).is_sound, within_s=60)
        eventually(lambda: publisher.spooled == 0)
    assert any("was deleted while we ran" in message for message in caplog.messages)


def test_a_topic_with_fewer_partitions_is_used_as_it_is_and_named(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    topics = topics_of(settings)
    day = timedelta(days=1)
    smaller = Topics(Topic(topics.events.name, 1, day), Topic(topics.dead.name, 1, day))
    assert ensure_topics(bootstrap_of(settings), smaller) == (topics.events.name, topics.dead.name)
    names = [f"e{n}" for n in range(20)]

    with (
        caplog.at_level(logging.WARNING),
        publishing(settings) as publisher,
        consuming("archive", settings),
    ):
        publish(publisher, *names)
        eventually(lambda: audit_archive(archive_folder(settings), names).is_sound)

    [message] = {m for m in caplog.messages if "partitions" in m}
    assert message.startswith(f"topic {topics.events.name} has 1 partitions instead of 4")
