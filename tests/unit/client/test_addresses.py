"""Where a command that is typed beside a stack finds the stack's servers."""

import json
from pathlib import Path

import pytest

from maitred.client.addresses import with_servers
from maitred.settings import Settings


@pytest.fixture
def state(tmp_path: Path) -> Path:
    urls = {"valkey": "redis://127.0.0.1:7001/0", "kafka": "127.0.0.1:7002"}
    record = {"services": {name: {"url": url} for name, url in urls.items()}}
    (tmp_path / "stack.json").write_text(json.dumps(record))
    return tmp_path


def servers(settings: Settings) -> tuple[str | None, str | None]:
    found = with_servers(settings)
    return found.redis_url, found.kafka_bootstrap


def test_servers_are_those_of_the_stack_wherever_their_ports_moved(state: Path) -> None:
    assert servers(Settings(state_dir=state)) == ("redis://127.0.0.1:7001/0", "127.0.0.1:7002")


def test_what_settings_say_themselves_stands(state: Path) -> None:
    named = Settings(state_dir=state, redis_url="redis://far", kafka_port=9)

    assert servers(named) == ("redis://far", None)


def test_without_a_stack_nothing_is_named(tmp_path: Path) -> None:
    assert servers(Settings(state_dir=tmp_path)) == (None, None)
