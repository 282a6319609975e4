"""The breaker between diners and a store that does not answer."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import redis

from maitred.clock import SystemClock
from maitred.errors import StoreUnavailable
from maitred.store import keys
from maitred.store.client import connect_async
from maitred.store.reader import ABSENT, DinerReader, open_reader
from tests.support.servers import LiveValkey
from tests.support.waiting import until

WITHIN_S = 0.015


@pytest.fixture
async def reader(own_valkey: LiveValkey) -> AsyncIterator[DinerReader]:
    async with connect_async(own_valkey.url, timeout_s=0.06) as client, open_reader(client) as made:
        yield made


async def attempt(reader: DinerReader) -> bool:
    """Whether a read was answered."""
    try:
        return await reader.read("u1", "v", within_s=WITHIN_S) == ABSENT
    except StoreUnavailable:
        return False


async def test_the_breaker_opens_on_silence_and_closes_when_redis_is_back(
    reader: DinerReader, own_valkey: LiveValkey
) -> None:
    assert await attempt(reader)

    own_valkey.stop()
    answered = []
    while not reader.is_open:
        answered.append(await attempt(reader))
    own_valkey.cont()
    back_s = await until(lambda: not reader.is_open, within_s=2)

    assert not any(answered)
    assert len(answered) < 100
    assert back_s < 1
    assert await attempt(reader)


async def test_behind_an_open_breaker_nobody_waits(
    reader: DinerReader, own_valkey: LiveValkey
) -> None:
    own_valkey.kill()
    while not reader.is_open:
        await attempt(reader)

    clock = SystemClock()
    started = clock.monotonic()
    answered = [await attempt(reader) for _ in range(200)]

    assert not any(answered)
    assert clock.monotonic() - started < 200 * WITHIN_S / 4


async def test_reads_of_one_moment_travel_together(
    reader: DinerReader, own_valkey: LiveValkey
) -> None:
    with redis.Redis.from_url(own_valkey.url) as client:
        client.set(keys.state("u7"), b"state")
        client.set(keys.row("v", "u7"), b"row")
        calls = "cmdstat_mget"
        await attempt(reader)
        before = client.info("commandstats")[calls]["calls"]  # type: ignore[index]
        found = await asyncio.gather(*(reader.read(f"u{i}", "v", within_s=1.0) for i in range(20)))
        after = client.info("commandstats")[calls]["calls"]  # type: ignore[index]

    assert (found[7].state, found[7].row) == (b"state", b"row")
    assert [i for i, stored in enumerate(found) if stored != ABSENT] == [7]
    assert after - before == 1


async def test_on_a_cluster_every_command_keeps_to_one_slot(cluster_valkey: LiveValkey) -> None:
    users = [f"u{i}" for i in range(20)]
    with redis.Redis.from_url(cluster_valkey.url) as client:
        for user in users:
            client.set(keys.state(user), f"state of {user}")
        client.set(keys.row("v", "u7"), b"row")

    async with (
        connect_async(cluster_valkey.url, timeout_s=0.5) as asynchronous,
        open_reader(asynchronous) as reader,
    ):
        found = await asyncio.gather(*(reader.read(user, "v", within_s=1.0) for user in users))

    assert [stored.state for stored in found] == [f"state of {user}".encode() for user in users]
    assert [stored.row for stored in found] == [None] * 7 + [b"row"] + [None] * 12
