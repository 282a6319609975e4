"""An event from ingest to where it counts: a diner's state, the archive, the dead letters."""

from pathlib import Path

import httpx
import orjson
import psutil
import pytest

from maitred import archive, features
from maitred.clock import SystemClock
from maitred.errors import LogUnavailable, Refused
from maitred.priority import BACKGROUND
from maitred.settings import Settings
from maitred.store import keys
from maitred.store.client import connect
from services.consumers.audit import audit_archive, letters
from services.consumers.deps import archive_folder, open_runner
from services.eventlog.kafka import KafkaLogWriter, ensure_topics
from services.eventlog.topics import bootstrap_of, topics_of
from services.ingest.app import build
from services.local.ports import free_port
from tests.support.http import served
from tests.support.loop import click, consuming, loop_settings, start
from tests.support.servers import LiveKafka, LiveValkey
from tests.support.waiting import eventually


@pytest.fixture
def settings(tmp_path: Path, kafka: LiveKafka, valkey: LiveValkey) -> Settings:
    return loop_settings(tmp_path, kafka.bootstrap, valkey.url)


def post(settings: Settings, *events: dict[str, object]) -> list[str]:
    with served(build(settings, SystemClock())) as ingest:
        reply = ingest.post("/v1/events", json={"events": list(events)})
    assert reply.status_code == 202, reply.text
    return [result["status"] for result in reply.json()["results"]]


def write(settings: Settings, *values: bytes) -> None:
    """Put raw bytes into the log, as a foreign producer would."""
    topics = topics_of(settings)
    ensure_topics(bootstrap_of(settings), topics)
    log = KafkaLogWriter(bootstrap_of(settings), topics, clock=SystemClock())

    def is_known() -> bool:
        try:
            first = log.append(topics.events.name, "u1", values[0])
        except LogUnavailable:
            return False
        for future in [first, *(log.append(topics.events.name, "u1", v) for v in values[1:])]:
            future.result(10)
        return True

    eventually(is_known)
    log.close(2)


def restaurants(settings: Settings, user: str) -> list[str]:
    with connect(settings.redis_url or "") as redis:
        raw = redis.get(keys.state(user))
    return [interaction.restaurant_id for interaction in features.decode(raw).recent]


def test_a_click_changes_what_is_known_of_the_diner(settings: Settings) -> None:
    with consuming("features", settings):
        post(settings, click("e1", restaurant_id="r1"), click("e2", restaurant_id="r2"))

        eventually(lambda: restaurants(settings, "u1") == ["r1", "r2"])


def test_how_fresh_states_are_is_shown(settings: Settings) -> None:
    port = free_port()
    with consuming("features", settings.model_copy(update={"metrics_port": port})):
        post(settings, click("e1"), click("quiet", traffic="load"), click("e2"))
        eventually(lambda: restaurants(settings, "u1") == ["r9", "r9"])

        def shown() -> str:
            return httpx.get(f"http://127.0.0.1:{port}/metrics").text

        eventually(lambda: "maitred_event_freshness_seconds_count 2.0" in shown(), shown)
        assert 'maitred_event_freshness_seconds_bucket{le="30.0"} 2.0' in shown()


def test_traffic_that_must_teach_nothing_changes_no_state(settings: Settings) -> None:
    quiet = [click(f"{kind}", traffic=kind) for kind in ("load", "preview", "warmup")]
    with consuming("features", settings):
        post(settings, *quiet, click("no", consent=False), click("yes", traffic="simulated"))

        eventually(lambda: restaurants(settings, "u1") != [])
        with connect(settings.redis_url or "") as redis:
            state = features.decode(redis.get(keys.state("u1")))

    assert [interaction.event_id for interaction in state.recent] == ["yes"]


def test_states_catch_up_after_redis_was_frozen(settings: Settings, valkey: LiveValkey) -> None:
    with consuming("features", settings):
        post(settings, click("e1"))
        eventually(lambda: restaurants(settings, "u1") == ["r9"])

        valkey.stop()
        post(settings, click("e2", restaurant_id="later"))
        SystemClock().sleep(2.5)  # longer than a call to Redis may take
        valkey.cont()

        eventually(lambda: restaurants(settings, "u1") == ["r9", "later"])


def test_every_kind_of_traffic_is_archived_once(settings: Settings) -> None:
    batch = [click("a"), click("b", traffic="load"), click("c", traffic="replay")]
    with consuming("archive", settings):
        post(settings, *batch)
        post(settings, *batch)  # another process of ingest: it does not know them

        folder = archive_folder(settings)
        eventually(lambda: archive.census(folder).left_out.get("duplicates") == 3)

    found = audit_archive(folder, ["a", "b", "c"])
    assert found.is_sound
    assert found.census.by_kind == {"click/live": 1, "click/load": 1, "click/replay": 1}
    assert archive.count(folder) == 1
    assert archive.table(folder, traffic={"live"})["event_id"].to_pylist() == ["a"]


def test_the_archive_goes_on_where_it_stopped(settings: Settings) -> None:
    folder = archive_folder(settings)
    with consuming("archive", settings):
        post(settings, click("a"))
        eventually(lambda: archive.count(folder) == 1)
    post(settings, click("b"))

    with consuming("archive", settings):
        eventually(lambda: archive.count(folder) == 2)

    assert archive.census(folder).left_out["duplicates"] == 0  # nothing was read twice


def test_a_record_that_is_no_event_becomes_a_dead_letter_and_the_rest_goes_on(
    settings: Settings,
) -> None:
    good = orjson.dumps(click("good"))
    write(settings, b"\xff\x00 no JSON", b'{"type": "unheard of"}', good)

    folder = archive_folder(settings)
    with consuming("archive", settings):
        eventually(lambda: archive.count(folder) == 1)
    found = letters(settings, SystemClock())

    assert [letter.value for letter in found] == [b"\xff\x00 no JSON", b'{"type": "unheard of"}']
    assert {letter.topic for letter in found} == {settings.events_topic}
    assert [letter.offset for letter in found] == [0, 1]
    assert all("not an event" in letter.reason for letter in found)
    assert archive.census(folder).left_out["undecodable"] == 2


def test_of_two_bodies_under_one_id_the_first_is_archived_and_the_second_buried(
    settings: Settings,
) -> None:
    with consuming("archive", settings):
        post(settings, click("e", restaurant_id="first"))
        post(settings, click("e", restaurant_id="second"))
        folder = archive_folder(settings)
        eventually(lambda: archive.census(folder).left_out.get("conflicts") == 1)

    [letter] = letters(settings, SystemClock())
    assert archive.table(folder)["restaurant_id"].to_pylist() == ["first"]
    assert orjson.loads(letter.value)["restaurant_id"] == "second"
    assert "another body" in letter.reason


def test_a_second_archiver_on_one_folder_is_refused(settings: Settings) -> None:
    with (
        open_runner("archive", settings, SystemClock()),
        pytest.raises(Refused, match="another process"),
        open_runner("archive", settings, SystemClock()),
    ):
        pass


def test_nothing_is_needed_to_audit_an_archive_that_nobody_wrote(tmp_path: Path) -> None:
    found = audit_archive(tmp_path / "archive", ["e1"])

    assert found.missing == ("e1",)
    assert not found.is_sound


@pytest.mark.parametrize(("which", "nicer"), [("features", 0), ("archive", BACKGROUND)])
def test_only_features_stand_as_high_as_what_answers_diners(
    settings: Settings, which: str, nicer: int
) -> None:
    settings.state_dir.mkdir(exist_ok=True)
    log = settings.state_dir / "consumer.log"
    process = start("services.consumers", which, settings=settings, log=log)
    try:
        eventually(lambda: b"health and metrics" in log.read_bytes())

        assert psutil.Process(process.pid).nice() == min(19, psutil.Process().nice() + nicer)
    finally:
        process.kill()
        process.wait()
