"""The breaker between diners and a store that does not answer."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

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


@asynccontextmanager
async def far_away(valkey: LiveValkey, delay_s: float) -> AsyncIterator[str]:
    """The same server at an address from which every reply comes so much later."""

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", valkey.port)
        try:
            while asked := await reader.read(65536):
                back.write(asked)
                told = await there.read(65536)
                await asyncio.sleep(delay_s)
                writer.write(told)
        finally:
            writer.close()
            back.close()

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    async with server:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0"


@pytest.fixture
async def distant(own_valkey: LiveValkey) -> AsyncIterator[DinerReader]:
    """A reader of a store that answers after 0.07 s."""
    async with (
        far_away(own_valkey, delay_s=0.07) as url,
        connect_async(url, timeout_s=1) as client,
        open_reader(client) as made,
    ):
        yield made


async def test_who_waited_for_another_trip_gets_the_whole_time_for_its_own(
    distant: DinerReader,
) -> None:
    first = asyncio.create_task(distant.read("u1", "v", within_s=0.1))
    await asyncio.sleep(0.01)
    second = asyncio.create_task(distant.read("u2", "v", within_s=0.1))

    assert [await first, await second] == [ABSENT, ABSENT]  # after 0.07 and 0.14 s


async def test_who_waits_for_another_trip_does_not_wait_for_ever(distant: DinerReader) -> None:
    clock = SystemClock()
    first = asyncio.create_task(distant.read("u1", "v", within_s=1.0))
    await asyncio.sleep(0.01)
    began = clock.monotonic()
    with pytest.raises(StoreUnavailable):
        await distant.read("u2", "v", within_s=0.05)
    waited_s = clock.monotonic() - began

    assert await first == ABSENT
    assert 0.05 <= waited_s < 0.1 + 0.03
