"""The stack as a library, with example programs in its table and real servers below them."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
import redis

from maitred.errors import StackRefused, UsageError
from maitred.settings import Settings
from services.local.folder import StackFolder
from services.local.probes import fetch_json
from services.local.processes import identity_of
from services.local.screen import announce
from services.local.stack import Stack, running
from services.local.status import read_status, url_of
from tests.support.servers import LiveKafka, LiveValkey
from tests.support.stacks import CONSUMER, EXAMPLES, INFERENCE, example, maitred, status_of

SERVICE = {
    "type": "object",
    "required": [
        "url", "port", "pids", "healthy", "external", "rss_bytes", "metrics_url", "log",
    ],
    "additionalProperties": False,
    "properties": {
        "url": {"type": ["string", "null"]},
        "port": {"type": ["integer", "null"]},
        "pids": {"type": "array", "items": {"type": "integer"}},
        "healthy": {"type": "boolean"},
        "external": {"type": "boolean"},
        "rss_bytes": {"type": "integer", "minimum": 0},
        "metrics_url": {"type": ["string", "null"]},
        "log": {"type": ["string", "null"]},
    },
}  # fmt: skip
STATUS = {
    "type": "object",
    "required": ["schema", "state", "state_dir", "services", "models"],
    "additionalProperties": False,
    "properties": {
        "schema": {"const": 1},
        "state": {"enum": ["running", "degraded", "stopped"]},
        "state_dir": {"type": "string"},
        "services": {"type": "object", "additionalProperties": SERVICE},
        "models": {
            "type": "object",
            "required": ["clicks", "revenue"],
            "additionalProperties": {"type": ["string", "null"]},
        },
    },
}


def told(url: str) -> dict[str, object]:
    """Return what an example program says that it was told."""
    answer = fetch_json(url)
    assert answer is not None
    return answer


@pytest.fixture
def outside(valkey: LiveValkey, kafka: LiveKafka, tmp_path: Path) -> Settings:
    """Settings that name a running Redis and Kafka."""
    return Settings(
        state_dir=tmp_path / "state",
        redis_url=valkey.url,
        kafka_bootstrap=kafka.bootstrap,
        inference_port=0,
    )


@pytest.fixture
def stack(outside: Settings) -> Iterator[Stack]:
    with running(outside, EXAMPLES) as stack:
        yield stack


def test_the_whole_stack_runs_and_its_state_survives(tmp_path: Path) -> None:
    state = tmp_path / "the chef's état"
    settings = Settings(state_dir=state, inference_port=0, valkey_port=0, kafka_port=0)
    with running(settings, EXAMPLES) as stack:
        status = stack.status()
        with redis.Redis.from_url(stack.urls["valkey"]) as client:
            client.set("diner", "kept")
        cluster = (state / "kafka/data/meta.properties").read_text()
    pids = [pid for service in status["services"].values() for pid in service["pids"]]
    after = read_status(stack.folder)

    with (
        running(settings, EXAMPLES) as again,
        redis.Redis.from_url(again.urls["valkey"]) as client,
    ):
        kept = client.get("diner")

    jsonschema.validate(status, STATUS)
    assert status["state"] == "running"
    assert list(status["services"]) == [
        "valkey", "kafka", "inference", "consume-features", "supervisor",
    ]  # fmt: skip
    assert all(service["healthy"] for service in status["services"].values())
    assert status["models"] == {"clicks": "clicks-0123456789ab", "revenue": None}
    assert len(status["services"]["consume-features"]["pids"]) == 2
    assert after["state"] == "stopped"
    assert [pid for pid in pids if identity_of(pid)] == [
        status["services"]["supervisor"]["pids"][0]
    ]
    assert kept == b"kept"
    assert (state / "kafka/data/meta.properties").read_text() == cluster


def test_servers_that_settings_name_are_used_and_not_started(
    stack: Stack, outside: Settings
) -> None:
    status = stack.status()

    services = status["services"]
    assert status["state"] == "running"
    assert [name for name, service in services.items() if service["external"]] == [
        "valkey",
        "kafka",
    ]
    assert services["valkey"]["pids"] == services["kafka"]["pids"] == []
    answer = told(stack.urls["inference"])
    assert answer["redis_url"] == outside.redis_url
    assert answer["kafka_bootstrap"] == outside.kafka_bootstrap


def test_programs_are_told_the_folder_and_the_key(stack: Stack) -> None:
    answer = told(stack.urls["inference"])

    assert answer["state_dir"] == str(stack.folder.root)
    assert answer["admin_key"] == (stack.folder.root / "admin.key").read_text().strip()


def test_a_redis_that_settings_name_and_that_is_away_is_refused(
    tmp_path: Path, kafka: LiveKafka
) -> None:
    settings = Settings(
        state_dir=tmp_path, redis_url="redis://127.0.0.1:1/0", kafka_bootstrap=kafka.bootstrap
    )

    with (
        pytest.raises(StackRefused, match="valkey that settings name"),
        running(settings, EXAMPLES),
    ):
        pass


def test_a_password_of_a_redis_is_not_written_down(outside: Settings) -> None:
    url = str(outside.redis_url).replace("redis://", "redis://:secret@")

    with running(outside.model_copy(update={"redis_url": url}), (INFERENCE,)) as stack:
        recorded = (stack.folder.root / "stack.json").read_text()
        answer = told(stack.urls["inference"])

    assert "secret" not in recorded
    assert answer["redis_url"] == url


def test_a_program_that_cannot_start_is_refused_with_its_last_words(outside: Settings) -> None:
    bad = example("ingest", "ingest_port", "refuses")

    with (
        pytest.raises(StackRefused, match="no tables laid today"),
        running(outside, (CONSUMER, bad)),
    ):
        pass

    assert read_status(StackFolder.at(outside.state_dir))["state"] == "stopped"


def test_a_configured_port_that_is_taken_is_refused_before_anything_starts(
    outside: Settings,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        settings = outside.model_copy(update={"inference_port": port})

        with pytest.raises(StackRefused, match=f"port {port}"), running(settings, EXAMPLES):
            pass


def test_status_finds_urls_by_name(stack: Stack) -> None:
    status = stack.status()

    assert url_of(status, "inference") == stack.urls["inference"]
    with pytest.raises(UsageError, match="no service 'dessert'"):
        url_of(status, "dessert")


def test_a_frozen_service_makes_the_stack_degraded(stack: Stack, valkey: LiveValkey) -> None:
    valkey.stop()
    frozen = stack.status()
    valkey.cont()
    after = stack.status()

    assert (frozen["state"], after["state"]) == ("degraded", "running")
    assert not frozen["services"]["valkey"]["healthy"]


def test_status_is_a_table_for_people_and_one_url_for_scripts(stack: Stack) -> None:
    folder = str(stack.folder.root)

    table = maitred("status", "--state", folder)
    url = maitred("status", "--state", folder, "--url", "inference")
    unknown = maitred("status", "--state", folder, "--url", "dessert")

    assert table.returncode == 0
    assert "consume-features" in table.stdout
    assert "clicks-0123456789ab" in table.stdout
    assert (url.returncode, url.stdout) == (0, stack.urls["inference"] + "\n")
    assert unknown.returncode == 2


def test_status_of_a_folder_where_nothing_runs(tmp_path: Path) -> None:
    table = maitred("status", "--state", str(tmp_path))
    url = maitred("status", "--state", str(tmp_path), "--url", "inference")
    code, status = status_of(tmp_path)

    assert (table.returncode, code, url.returncode) == (1, 1, 1)
    assert "maitred up" in table.stdout
    assert (status["state"], status["services"]) == ("stopped", {})


def test_up_without_a_model_says_how_to_get_one(
    outside: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(outside, (CONSUMER,)) as stack:
        announce(stack.folder, how_to_stop="Ctrl-C")

    said = capsys.readouterr().out
    assert "stop: Ctrl-C" in said
    assert "maitred models publish" in said


def test_a_default_port_that_is_taken_moves_and_a_person_is_told(
    outside: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        settings = outside.model_copy(update={"inference_port": None})

        with running(settings, (replace(INFERENCE, default_port=port),)) as stack:
            announce(stack.folder, how_to_stop="Ctrl-C")
            url = stack.urls["inference"]

    assert f"port {port} is taken by" in capsys.readouterr().out
    assert not url.endswith(f":{port}")
