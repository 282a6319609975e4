"""Latency against throughput: what it costs a diner that more of them are answered a second.

Two ways to more diners a second: more requests at once, and more diners in a request. Closed loops,
so latencies are those of a client that waits; the open loop of ``make load`` judges the SLO.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import orjson
import uvloop

from loadtests.crowd import Crowd, browse, target
from loadtests.users import read_users
from loadtests.wire import Address, Exchange, Pool, address_of, get_request
from maitred.client import Aim, Query
from maitred.client.waits import Percentiles
from maitred.clock import Clock
from maitred.errors import Refused
from maitred.events import Traffic

__all__ = ["BATCHES", "CONNECTIONS", "Effort", "Grid", "Point", "curve"]

BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
CONNECTIONS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
FEW = 4
"""Connections of the second curve of batches: enough to keep the worker busy."""

LARGE = 128
"""Diners from which a batch counts as large."""

_DINERS = 4096
_TIMEOUT_S = 10.0
_WAIT_S = 0.005


@dataclass(frozen=True, slots=True)
class Effort:
    """How long each point is measured, seconds."""

    point_s: float
    warm_s: float


@dataclass(frozen=True, slots=True)
class Point:
    """One place on a curve; latencies are of whole requests."""

    batch: int
    """Diners a request; 0: the single endpoint."""
    connections: int
    diners_per_s: float
    p50_ms: float
    p99_ms: float
    requests: int
    personalised: float
    """Share of lists from the highest rung."""

    @property
    def personalised_per_s(self) -> float:
        """Lists a second from the highest rung."""
        return self.diners_per_s * self.personalised


@dataclass(frozen=True, slots=True)
class Grid:
    """Where on the curves to measure."""

    connections: Sequence[int] = CONNECTIONS
    batches: Sequence[int] = BATCHES


def curve(
    url: str, users: Path, effort: Effort, grid: Grid, clock: Clock, say: Callable[[str], None]
) -> dict[str, list[Point]]:
    """Measure every curve; a batch of n is n different diners.

    Raises:
        Refused: if any request fails.
    """
    stream = browse(Crowd(read_users(users)), Aim(), explain=False, seed=11)
    queries = list(islice(stream, _DINERS))
    address = address_of(url)
    plans = {
        "one diner a request": [(0, n) for n in grid.connections],
        "batches, 1 connection": [(n, 1) for n in grid.batches],
        f"batches, {FEW} connections": [(n, FEW) for n in grid.batches],
    }
    curves: dict[str, list[Point]] = {}

    def measured(loop: _Loop, seconds: float) -> Point:
        return uvloop.run(loop.run(address, seconds))

    for name, plan in plans.items():
        curves[name] = []
        for batch, connections in plan:
            payloads = _payloads(address, queries, batch)

            measured(_Loop(payloads, batch, connections, clock), effort.warm_s)
            point = measured(_Loop(payloads, batch, connections, clock), effort.point_s)
            curves[name].append(point)
            say(
                f"{name}: {batch or 1} x {connections}: {point.diners_per_s:,.0f} diners/s, "
                f"p50 {point.p50_ms:.2f} ms, p99 {point.p99_ms:.2f} ms"
            )
    return curves


def _payloads(address: Address, queries: Sequence[Query], batch: int) -> list[bytes]:
    if not batch:
        return [get_request(address, target(query)) for query in queries]
    parts = (queries[start : start + batch] for start in range(0, len(queries), batch))
    return [_post_request(address, part) for part in parts if len(part) == batch]


def _post_request(address: Address, queries: Sequence[Query]) -> bytes:
    diners = [query.body(Traffic.LOAD) for query in queries]
    body = orjson.dumps({"diners": diners})
    head = (
        f"POST /v1/recommendations/batch HTTP/1.1\r\nhost: {address.host}:{address.port}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class _Loop:
    """As many requests as some connections carry, each counted by its own clock."""

    def __init__(
        self, payloads: Sequence[bytes], batch: int, connections: int, clock: Clock
    ) -> None:
        self._payloads: Iterator[bytes] = cycle(payloads)
        self._batch, self._connections, self._clock = batch, connections, clock
        self._started_at: dict[int, float] = {}
        self._waited_ms: list[float] = []
        self._rungs: Counter[str] = Counter()
        self._ends = float("inf")
        self._sent = 0
        self._failure: str | None = None

    async def run(self, address: Address, seconds: float) -> Point:
        """Keep every connection busy for so long."""
        pool = Pool(address, self._connections, self._clock, lambda e: self._done(pool, e))
        await pool.warm(self._connections)
        started = self._clock.monotonic()
        self._ends = started + seconds
        for _ in range(self._connections):
            self._submit(pool)
        while pool.pending:
            await self._clock.wait(_WAIT_S)
            pool.give_up(self._clock.monotonic())
        took_s = self._clock.monotonic() - started
        await pool.close()
        if self._failure is not None:
            msg = f"a request failed: {self._failure}"
            raise Refused(msg, next_step="see the log of inference; `maitred status` names it")
        waits = Percentiles.of(np.array(self._waited_ms))
        lists = max(sum(self._rungs.values()), 1)
        return Point(
            batch=self._batch,
            connections=self._connections,
            diners_per_s=lists / took_s,
            p50_ms=waits.p50_ms,
            p99_ms=waits.p99_ms,
            requests=waits.requests,
            personalised=self._rungs["personalised"] / lists,
        )

    def _submit(self, pool: Pool) -> None:
        self._sent += 1
        now = self._clock.monotonic()
        self._started_at[self._sent] = now
        pool.submit(Exchange(self._sent, next(self._payloads), now + _TIMEOUT_S))

    def _done(self, pool: Pool, exchange: Exchange) -> None:
        waited_s = exchange.done_at - self._started_at.pop(exchange.number)
        if exchange.status != 200:  # noqa: PLR2004  # OK
            self._failure = exchange.failure or f"status {exchange.status}"
            return
        self._waited_ms.append(waited_s * 1e3)
        body = orjson.loads(exchange.body)
        self._rungs.update(reply["rung"] for reply in body.get("replies", [body]))
        if exchange.done_at < self._ends:
            self._submit(pool)
