"""With a pseudonym key, a diner's id is nowhere behind the doors: searched for in every store and file."""

from pathlib import Path
from typing import Any

import pytest
import redis

from maitred import archive
from maitred.clock import SystemClock
from maitred.ids import pseudonym
from maitred.settings import Settings
from maitred.store import keys
from services.consumers.audit import audit_archive
from services.consumers.deps import archive_folder
from services.eventlog.kafka import KafkaLogReader
from services.eventlog.topics import bootstrap_of, topics_of
from services.ingest.app import build
from tests.support.doors import click as sent
from tests.support.doors import opened
from tests.support.http import served
from tests.support.inference import publish, serving
from tests.support.loop import click, consuming, loop_settings
from tests.support.servers import LiveKafka, LiveValkey
from tests.support.waiting import eventually

KEY = "a key that nobody guesses"
ANNA = "anna.of.the.test@example.org"
CLOCK = SystemClock()


def said_by(client: Any) -> str:  # noqa: ANN401 - redis types its replies by command
    """All keys and values of a Redis, as text."""
    found = []
    for key in client.scan_iter(count=1000):
        kind = client.type(key)
        value = {
            b"string": client.get,
            b"hash": client.hgetall,
            b"set": client.smembers,
            b"stream": client.xrange,
            b"zset": lambda key: client.zrange(key, 0, -1),
        }[kind](key)
        found.append(f"{key!r} {value!r}")
    return "\n".join(found)


def said_in(folder: Path) -> str:
    """All files of a folder."""
    raw = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    return b"\n".join(raw).decode("latin-1")


def said_in_the_log(settings: Settings) -> str:
    """Every record of Kafka: keys, values, headers."""
    topics = topics_of(settings)
    reader = KafkaLogReader(
        bootstrap_of(settings), topics, topics.events.name, "test.search", clock=CLOCK
    )
    found, deadline = list(reader.poll(1.0)), CLOCK.monotonic() + 10
    while len(found) < 3 and CLOCK.monotonic() < deadline:
        found += reader.poll(0.2)
    reader.close()
    return str(found)


async def test_a_request_and_two_events_leave_pseudonyms_only(
    tmp_path: Path, kafka: LiveKafka, valkey: LiveValkey, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    settings = loop_settings(tmp_path, kafka.bootstrap, valkey.url, pseudonym_key=KEY)
    publish(valkey.url, tmp_path / "made", key=KEY)

    with consuming("features", settings), consuming("archive", settings):
        with served(build(settings, CLOCK)) as ingest:
            reply = ingest.post(
                "/v1/events", json={"events": [click("e1", ANNA, restaurant_id="r03")]}
            )
            assert reply.json()["results"][0]["status"] == "accepted"
        with opened(tmp_path / "away", pseudonym_key=KEY) as without_kafka:
            without_kafka.behind.broker.is_away = True
            assert without_kafka.statuses(sent("e2", user_id=ANNA)) == ["accepted"]
            assert list((tmp_path / "away" / "spool").rglob("*.seg"))
            in_spool = said_in(tmp_path / "away" / "spool")
        async with serving(
            tmp_path / "inference",
            valkey.url,
            to_kafka=True,
            kafka_bootstrap=kafka.bootstrap,
            events_topic=settings.events_topic,
            pseudonym_key=KEY,
        ) as live:
            list_ = await live.recommend(user_id=ANNA)
        eventually(
            lambda: audit_archive(archive_folder(settings)).census.archived == 2, within_s=20
        )
        with redis.Redis.from_url(valkey.url) as client:
            eventually(lambda: bool(client.exists(keys.state(pseudonym(ANNA, KEY)))))
            in_redis = said_by(client)

    assert list_["request_id"]
    texts = {
        "redis": in_redis,
        "log": said_in_the_log(settings),
        "files": said_in(tmp_path),
        "archive": str(archive.table(archive_folder(settings), traffic={"live"}).to_pylist()),
        "spool": in_spool,
        "logs": caplog.text,
    }
    for place, text in texts.items():
        assert ANNA not in text, place
        is_coded = place in {"logs", "files"}  # columns of Parquet are compressed
        assert is_coded or pseudonym(ANNA, KEY) in text, place
