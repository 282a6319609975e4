"""What is removed leaves Redis's disk too."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from maitred.clock import ManualClock
from maitred.errors import StoreUnavailable
from maitred.store.client import Redis, connect
from maitred.store.traces import EVERY_S, Traces
from tests.support.servers import LiveValkey
from tests.support.waiting import eventually


def on_disk(redis: Redis) -> bytes:
    folder = Path(redis.config_get("dir")["dir"]) / "appendonlydir"
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


@pytest.fixture
def redis(own_valkey: LiveValkey) -> Iterator[Redis]:
    with connect(own_valkey.url) as client:
        yield client


def rewrites(redis: Redis) -> int:
    return int(redis.info("persistence")["aof_rewrites"])


def test_a_removed_key_is_on_disk_until_it_is_swept(redis: Redis) -> None:
    traces = Traces(redis, clock=ManualClock())
    redis.set("state:anna", "was here")
    redis.unlink("state:anna")
    eventually(lambda: b"anna" in on_disk(redis))
    traces.sweep()  # nothing was said to be left: nothing is done
    assert rewrites(redis) == 0

    traces.leave()
    traces.sweep()

    eventually(lambda: b"anna" not in on_disk(redis))


def test_many_removals_are_one_rewrite_a_minute(redis: Redis) -> None:
    clock = ManualClock()
    traces = Traces(redis, clock=clock)
    for _ in range(3):
        traces.leave()
        traces.sweep()
    eventually(lambda: redis.info("persistence")["aof_rewrite_in_progress"] == 0)
    assert rewrites(redis) == 1

    clock.advance(EVERY_S)
    traces.sweep()

    eventually(lambda: rewrites(redis) == 2)


def test_what_may_not_be_asked_is_warned_of_once(
    redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    redis.execute_command("ACL", "SETUSER", "default", "-bgrewriteaof")
    clock = ManualClock()
    traces = Traces(redis, clock=clock)
    with caplog.at_level(logging.WARNING):
        traces.leave()
        traces.sweep()
        clock.advance(EVERY_S)
        traces.sweep()

    assert caplog.text.count("does not let us rewrite its file") == 1
    assert rewrites(redis) == 0


def test_without_redis_it_is_tried_again(redis: Redis, own_valkey: LiveValkey) -> None:
    traces = Traces(redis, clock=ManualClock())
    traces.leave()
    own_valkey.kill()
    with pytest.raises(StoreUnavailable):
        traces.sweep()
    own_valkey.restart()

    traces.sweep()

    eventually(lambda: rewrites(redis) == 1)
