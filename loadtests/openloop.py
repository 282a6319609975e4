"""Offered load that does not wait for replies: latency counts from the moment a request was due.

A closed loop asks less when the server is slow, and so leaves the slow moments out of its figures
(coordinated omission). Here arrivals are fixed beforehand. What the generator itself is late by is
its send lag; a run whose p99.9 lag is over 5 ms says nothing about the server and is void.
Run it in its own process: ``python -m loadtests.openloop --help``.
"""

import argparse
import asyncio
import gc
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
import uvloop
from numpy.typing import NDArray

from loadtests.arrivals import Arrivals, due_times
from loadtests.crowd import Crowd, browse, read_users, target
from loadtests.judge import Judge
from loadtests.wire import Address, Exchange, Pool, address_of, get_request
from maitred.artifact import folder
from maitred.client import Aim, Query
from maitred.client.waits import Percentiles, percentile
from maitred.clock import Clock, SystemClock

__all__ = ["LAG_LIMIT_MS", "Limits", "OpenLoop", "Record"]

LAG_LIMIT_MS = 5.0
"""Largest p99.9 send lag of a run that counts, in milliseconds."""

Floats = NDArray[np.float64]

_SWEEP_S = 0.05
_SENDS_A_TURN = 16


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds a run."""

    connections: int = 128
    timeout_s: float = 2.0
    """A request is given up this long after it was due."""


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """Everything that a run measured, one entry a request, in the order in which they were due."""

    due_s: Floats
    lag_ms: Floats
    """Send lag: how late the generator itself was."""
    latency_ms: Floats
    """From the moment due to the last byte; given up: to that moment."""
    failures: Counter[str]
    rungs: Counter[str]
    degraded: Counter[str]
    resent: int

    @property
    def percentiles(self) -> Percentiles:
        """Exact latency percentiles."""
        return Percentiles.of(self.latency_ms)

    @property
    def lag_p999_ms(self) -> float:
        """The send lag that decides whether the run counts."""
        return percentile(np.sort(self.lag_ms), 0.999) if self.lag_ms.size else 0.0

    @property
    def is_void(self) -> bool:
        """Whether the generator was too late for its figures to be the server's."""
        return self.lag_p999_ms > LAG_LIMIT_MS

    def summary(self) -> dict[str, object]:
        """Return the run for a report."""
        return {
            **self.percentiles.rounded(),
            "failures": self.failures.total(),
            "failures_by_kind": dict(self.failures),
            "rungs": dict(self.rungs),
            "degraded": dict(self.degraded),
            "resent": self.resent,
            "send_lag_p999_ms": round(self.lag_p999_ms, 3),
            "void": self.is_void,
        }


class OpenLoop:
    """Sends queries to one address when they are due, and judges the replies as they come."""

    def __init__(self, address: Address, judge: Judge, clock: Clock, limits: Limits) -> None:
        self._address, self._judge, self._clock, self._limits = address, judge, clock, limits

    async def run(self, due_s: Floats, queries: Iterator[Query]) -> Record:
        """Offer one query at each moment of ``due_s``; return when all are answered or given up."""
        asked = [query for query, _ in zip(queries, due_s, strict=False)]
        payloads = [get_request(self._address, target(query)) for query in asked]
        tally = _Tally(asked, due_s, self._judge)
        pool = Pool(self._address, self._limits.connections, self._clock, tally.take)
        await pool.warm(min(32, self._limits.connections))
        sweeper = asyncio.create_task(self._sweep(pool))
        gc.collect()
        gc.freeze()  # what is there now need not be looked at while requests are timed
        try:
            tally.started = self._clock.monotonic() + 0.01
            await self._offer(pool, payloads, tally)
            while pool.pending:
                await self._clock.wait(_SWEEP_S / 5)
        finally:
            gc.unfreeze()
            sweeper.cancel()
            await pool.close()
        return tally.record()

    async def _offer(self, pool: Pool, payloads: list[bytes], tally: "_Tally") -> None:
        clock, timeout_s = self._clock, self._limits.timeout_s
        since_turn = 0
        for number, payload in enumerate(payloads):
            due = tally.started + tally.due_s[number]
            ahead = due - clock.monotonic()
            since_turn += 1
            if ahead > 0 or since_turn == _SENDS_A_TURN:
                await clock.wait(max(ahead, 0.0))
                since_turn = 0
            tally.lag_ms[number] = (clock.monotonic() - due) * 1e3
            pool.submit(Exchange(number, payload, due + timeout_s))

    async def _sweep(self, pool: Pool) -> None:
        while True:
            await self._clock.wait(_SWEEP_S)
            pool.give_up(self._clock.monotonic())


class _Tally:
    """Counts a run while it goes on."""

    def __init__(self, asked: list[Query], due_s: Floats, judge: Judge) -> None:
        self.started = 0.0
        self.due_s, self.lag_ms = due_s, np.zeros(due_s.size)
        self._asked, self._judge = asked, judge
        self._latency_ms = np.zeros(due_s.size)
        self._failures: Counter[str] = Counter()
        self._rungs: Counter[str] = Counter()
        self._degraded: Counter[str] = Counter()
        self._resent = 0

    def take(self, exchange: Exchange) -> None:
        """Judge one finished exchange."""
        number = exchange.number
        waited_ms = (exchange.done_at - self.started - self.due_s[number]) * 1e3
        self._latency_ms[number] = waited_ms
        self._resent += exchange.resent
        verdict = self._judge.judge(self._asked[number], exchange.status, exchange.body, waited_ms)
        if verdict.failure is not None:
            self._failures[exchange.failure or verdict.failure.value] += 1
        if verdict.rung is not None:
            self._rungs[verdict.rung] += 1
        if verdict.degraded is not None:
            self._degraded[verdict.degraded] += 1
        exchange.body = b""

    def record(self) -> Record:
        """Return what was counted."""
        return Record(
            self.due_s,
            self.lag_ms,
            self._latency_ms,
            self._failures,
            self._rungs,
            self._degraded,
            self._resent,
        )


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtests.openloop",
        description="Offer recommendations at a fixed rate, whatever the server does; print JSON.",
    )
    add = parser.add_argument
    add("--url", default="http://127.0.0.1:8080", help="the inference service")
    add("--rate", type=float, default=200.0, help="requests due per second")
    add("--seconds", type=float, default=10.0, help="how long requests are due")
    add("--arrivals", type=Arrivals, choices=list(Arrivals), default=Arrivals.POISSON)
    add("--objective", help="clicks, revenue or balanced")
    add("--revenue-weight", type=float, help="turn the dial, 0 to 1")
    add("--explain", action="store_true", help="ask for reasons")
    add("--users-file", type=Path, help="ids of known diners, or a model's folder")
    add("--catalogue", type=Path, help="the served model's folder: filters are checked against it")
    add("--connections", type=int, default=Limits().connections, help="most connections")
    add("--seed", type=int, default=7)
    add("--raw", type=Path, help="write due_s, lag_ms, latency_ms here, as .npy of shape [3, n]")
    return parser.parse_args(arguments)


async def offer(options: argparse.Namespace) -> Record:
    """Run what the command line asks for."""
    crowd = Crowd(read_users(options.users_file) if options.users_file else ())
    aim = Aim(options.objective, options.revenue_weight)
    catalogue = folder.load(options.catalogue).catalogue if options.catalogue else None
    loop = OpenLoop(
        address_of(options.url),
        Judge(catalogue),
        SystemClock(),
        Limits(connections=options.connections),
    )
    due_s = due_times(options.arrivals, options.rate, options.seconds, options.seed)
    return await loop.run(due_s, browse(crowd, aim, explain=options.explain, seed=options.seed))


def main() -> int:
    """Run, print the summary as JSON; exit 3 when the run is void."""
    options = parse(sys.argv[1:])
    record = uvloop.run(offer(options))
    if options.raw:
        options.raw.parent.mkdir(parents=True, exist_ok=True)
        np.save(options.raw, np.stack([record.due_s, record.lag_ms, record.latency_ms]))
    sys.stdout.write(orjson.dumps(record.summary()).decode() + "\n")
    return 3 if record.is_void else 0


if __name__ == "__main__":
    sys.exit(main())
