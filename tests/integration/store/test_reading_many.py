"""Many diners read at once: in order, in few trips, beside those who read alone."""

import asyncio
from collections.abc import Awaitable

from maitred.store import keys
from maitred.store.client import connect, connect_async
from maitred.store.reader import ABSENT, DinerBytes, open_reader
from maitred.store.state import Spaces
from tests.support.servers import LiveValkey
from tests.support.waiting import until

VERSION = "clicks-0123456789ab"
DINERS = [f"u{i}" for i in range(300)]


async def test_everybody_comes_back_in_order_over_several_trips(valkey: LiveValkey) -> None:
    with connect(valkey.url) as redis:
        for name in DINERS[::2]:
            redis.set(keys.state(name), f"state of {name}")
            redis.set(keys.row(VERSION, name), f"row of {name}")
        before = redis.info("commandstats").get("cmdstat_mget", {"calls": 0})["calls"]  # type: ignore[union-attr]

        async with (
            connect_async(valkey.url, timeout_s=2) as fast,
            open_reader(fast) as reader,
        ):
            many, alone = await asyncio.gather(
                reader.read_many(DINERS, VERSION, within_s=2),
                reader.read("u2", VERSION, within_s=2),
            )

        after = redis.info("commandstats")["cmdstat_mget"]["calls"]  # type: ignore[index]
    expected = [
        DinerBytes(f"state of {n}".encode(), f"row of {n}".encode()) if i % 2 == 0 else ABSENT
        for i, n in enumerate(DINERS)
    ]
    assert many == expected
    assert alone == expected[2]
    assert after - before <= 4  # 128 a trip, and one for whoever came meanwhile


async def test_a_space_that_is_switched_to_is_read_soon_and_costs_no_request_a_trip(
    valkey: LiveValkey,
) -> None:
    async def state() -> bytes | None:
        return (await reader.read("u1", VERSION, within_s=2)).state

    with connect(valkey.url) as redis:
        space = Spaces(redis).open()
        redis.set(keys.state("u1"), b"old")
        redis.set(keys.state("u1", space), b"new")
        async with (
            connect_async(valkey.url, timeout_s=2) as fast,
            open_reader(fast) as reader,
        ):
            assert await state() == b"old"

            Spaces(redis).switch(0, space)
            await until(lambda: _is(state(), b"new"), within_s=2)

            before = redis.info("commandstats")["cmdstat_get"]["calls"]  # type: ignore[index]
            await asyncio.gather(*(state() for _ in range(50)))
            after = redis.info("commandstats")["cmdstat_get"]["calls"]  # type: ignore[index]
            assert after - before <= 1  # a look of its own, not one a request


async def test_a_reader_that_starts_reads_the_space_that_is_served(valkey: LiveValkey) -> None:
    with connect(valkey.url) as redis:
        Spaces(redis).switch(0, 5)
        redis.set(keys.state("u1", 5), b"there")
        async with (
            connect_async(valkey.url, timeout_s=2) as fast,
            open_reader(fast) as reader,
        ):
            assert (await reader.read("u1", VERSION, within_s=2)).state == b"there"


async def _is(awaited: Awaitable[bytes | None], wanted: bytes) -> bool:
    return await awaited == wanted
