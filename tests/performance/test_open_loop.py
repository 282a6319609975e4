"""The open loop measures the server, not itself: due moments, send lag, cut connections, bounds."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from itertools import repeat

import numpy as np
import pytest
from typing_extensions import override

from loadtests.arrivals import Arrivals, due_times
from loadtests.crowd import Crowd, browse
from loadtests.judge import Judge
from loadtests.openloop import Limits, OpenLoop, Record
from loadtests.scenarios import SCENARIOS
from loadtests.schedule import Schedule
from loadtests.wire import Address, address_of
from maitred.client import Aim, Query
from maitred.clock import Clock, SystemClock
from tests.support.contract_server import ContractServer, contract_server


@pytest.fixture
def server() -> Iterator[ContractServer]:
    with contract_server() as running:
        yield running


async def offer(
    address: Address,
    rate: float,
    seconds: float,
    *,
    clock: Clock | None = None,
    limits: Limits | None = None,
) -> Record:
    loop = OpenLoop(address, Judge(), clock or SystemClock(), limits or Limits())
    due_s = due_times(Arrivals.CONSTANT, Schedule.flat(rate, seconds), seed=1)
    return await loop.run(due_s, repeat(Query(user_id="u1")), frozenset({"u1"}))


async def test_every_request_is_answered_and_judged(server: ContractServer) -> None:
    record = await offer(address_of(server.url), rate=200, seconds=1.0)

    assert record.latency_ms.size == 200
    assert record.failures.total() == 0
    assert record.rungs == {"personalised": 200}
    assert {query["traffic"][0] for query in server.queries} == {"load"}


async def test_a_stalled_server_shows_in_every_request_that_was_due_meanwhile(
    server: ContractServer,
) -> None:
    def stall(number: int) -> float:
        if number == 50:
            SystemClock().sleep(0.5)  # the server's whole loop stands still
        return 0.0

    server.delay_s = stall

    record = await offer(address_of(server.url), rate=100, seconds=1.5)

    # 50 were due in half a second of stall; a closed loop on one connection would see one slow reply.
    assert np.sum(record.latency_ms > 100) >= 35
    assert record.failures["late"] == np.sum(record.latency_ms > 100)
    assert record.latency_ms.max() == pytest.approx(500, abs=150)


class DozingClock(SystemClock):
    """Wakes late, as on a machine that has no time for the generator."""

    @override
    async def wait(self, seconds: float) -> None:
        await super().wait(seconds + 0.02)


async def test_a_generator_that_is_late_declares_its_run_void(server: ContractServer) -> None:
    address = address_of(server.url)

    dozing = await offer(address, rate=100, seconds=0.5, clock=DozingClock())

    assert dozing.lag_p999_ms > 5.0
    assert dozing.is_void
    # What the generator is late by is in the latency too: the moment due is what counts.
    assert np.all(dozing.latency_ms >= dozing.lag_ms)


@asynccontextmanager
async def cutting_server(*, cut_with: bytes) -> AsyncIterator[Address]:
    """Answers each connection's first request; cuts it at the second one after sending ``cut_with``."""
    from tests.unit.load.test_load_judge import body  # noqa: PLC0415

    content = body([f"r{i}" for i in range(10)])
    reply = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(content), content)

    serving = set[asyncio.StreamWriter]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(reply)
            await reader.readuntil(b"\r\n\r\n")
            writer.write(cut_with)
        writer.close()
        serving.discard(writer)

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield Address("127.0.0.1", listening.sockets[0].getsockname()[1])
        while serving:  # noqa: ASYNC110  # until the client's last connection has been seen to close
            await asyncio.sleep(0.01)


async def test_a_connection_cut_before_any_byte_is_tried_once_more() -> None:
    async with cutting_server(cut_with=b"") as address:
        record = await offer(address, rate=50, seconds=1.0, limits=Limits(connections=1))

    assert record.resent.any()
    assert record.failures.total() == 0


async def test_a_connection_cut_inside_a_reply_is_a_failure() -> None:
    async with cutting_server(cut_with=b"HTTP/1.1 200 OK\r\n") as address:
        record = await offer(address, rate=50, seconds=1.0, limits=Limits(connections=1))

    assert record.failures["cut"] > 0


async def test_a_run_ends_although_the_server_never_answers(server: ContractServer) -> None:
    server.delay_s = lambda _: 3600.0
    started = time.monotonic()

    record = await offer(address_of(server.url), rate=20, seconds=0.3, limits=Limits(timeout_s=0.4))

    assert record.failures == {"timeout": 6}
    assert time.monotonic() - started < 10.0  # and not the server's hour


async def test_nobody_listening_is_counted_not_raised() -> None:
    record = await offer(Address("127.0.0.1", 1), rate=50, seconds=0.2)

    assert record.failures == {"connect: ECONNREFUSED": 10}


async def test_more_requests_than_connections_wait_on_their_own_clock(
    server: ContractServer,
) -> None:
    server.delay_s = lambda _: 0.05

    record = await offer(
        address_of(server.url), rate=100, seconds=0.5, limits=Limits(connections=1)
    )

    # One connection answers 20 a second: the 50th request is done after 2.5 s, due after 0.5 s.
    assert record.latency_ms.size == 50
    assert record.latency_ms.max() > 1500


async def test_what_a_run_says_adds_up(server: ContractServer) -> None:
    server.alter = lambda reply: reply | {"degraded": "store", "rung": "popular"}

    record = await offer(address_of(server.url), rate=100, seconds=0.5)

    assert record.personalised_share == 0.0
    assert record.goodput_per_s == 0.0
    assert record.shortages == {"store": 50}
    assert record.cpu_s > 0
    assert abs(record.started_at - SystemClock().now().timestamp()) < 60


async def test_a_failure_is_told_in_words(server: ContractServer) -> None:
    server.alter = lambda reply: reply | {"took_ms": "soon"}

    record = await offer(address_of(server.url), rate=50, seconds=0.2)

    assert record.failures == {"schema": 10}
    assert "took_ms" in record.examples[0]


async def test_the_rate_of_a_scenario_rises_and_falls(server: ContractServer) -> None:
    loop = OpenLoop(address_of(server.url), Judge(), SystemClock(), Limits())
    evening = SCENARIOS["dinner-peak"].schedule(200.0, 2.0)
    due_s = due_times(Arrivals.POISSON, evening, seed=1)

    record = await loop.run(due_s, browse(Crowd(), Aim(), explain=False, seed=1))

    counts, _ = np.histogram(record.due_s, bins=[0, 0.3, 0.9, 1.3, 1.8, 2.0])
    per_s = counts / np.diff([0, 0.3, 0.9, 1.3, 1.8, 2.0])
    assert per_s[2] == max(per_s)
    assert per_s[0] < 0.6 * per_s[2]
    assert per_s[4] < 0.6 * per_s[2]


def test_known_diners_are_most_of_the_crowd_and_anonymous_ones_are_there() -> None:
    queries = browse(Crowd(("u1", "u2")), Aim("revenue"), explain=False, seed=3)

    users = [next(queries).user_id for _ in range(2000)]

    assert 0.75 < sum(user in {"u1", "u2"} for user in users) / 2000 < 0.85
    assert 0.05 < users.count(None) / 2000 < 0.15
