"""Many diners read at once: in order, in few trips, beside those who read alone."""

import asyncio

from maitred.store import keys
from maitred.store.client import connect, connect_async
from maitred.store.reader import ABSENT, DinerBytes, open_reader
from tests.support.servers import LiveValkey

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
