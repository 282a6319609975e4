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
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from time import process_time

import numpy as np
import orjson
import uvloop
from numpy.typing import NDArray

from loadtests.arrivals import Arrivals, due_times
from loadtests.crowd import Crowd, target
from loadtests.judge import Judge
from loadtests.knee import Step, climb, described
from loadtests.places import ask_places
from loadtests.punctual import be_punctual
from loadtests.record import Record, concatenated
from loadtests.reply import DEGRADED, RUNGS
from loadtests.scenarios import SCENARIOS, Scenario, scenario_named
from loadtests.schedule import Schedule
from loadtests.users import read_users
from loadtests.wire import Address, Exchange, Pool, address_of, get_request
from maitred.artifact import folder
from maitred.cli import reporting
from maitred.client import Aim, Query
from maitred.clock import Clock, SystemClock

__all__ = ["Limits", "OpenLoop", "Record"]

Floats = NDArray[np.float64]

_SWEEP_S = 0.2
_SENDS_A_TURN = 16
_PREPARED = 32_768
"""Queries made before a run; a longer one asks them again from the first."""
_EXAMPLES = 5
_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds a run."""

    connections: int = 128
    timeout_s: float = 2.0
    """A request is given up this long after it was due."""


class OpenLoop:
    """Sends queries to one address when they are due, and judges the replies as they come."""

    def __init__(self, address: Address, judge: Judge, clock: Clock, limits: Limits) -> None:
        self._address, self._judge, self._clock, self._limits = address, judge, clock, limits

    async def run(
        self, due_s: Floats, queries: Iterator[Query], known: frozenset[str] = frozenset()
    ) -> Record:
        """Offer one query at each moment of ``due_s``; return when all are answered or given up.

        ``known`` are the diners of whose requests the personalised share is.
        """
        asked = list(islice(queries, min(due_s.size, _PREPARED)))
        for query in asked:
            self._judge.prepare(query)
        payloads = [get_request(self._address, target(query)) for query in asked]
        tally = _Tally(asked, due_s, self._judge)
        pool = Pool(self._address, self._limits.connections, self._clock, tally.take)
        await pool.warm(min(32, self._limits.connections))
        sweeper = asyncio.create_task(self._sweep(pool))
        gc.collect()
        gc.freeze()  # what is there now need not be looked at while requests are timed
        used_s = process_time()
        started_at = self._clock.now().timestamp() + 0.01
        try:
            tally.started = self._clock.monotonic() + 0.01
            await self._offer(pool, payloads, tally)
            while pool.pending:
                await self._clock.wait(_SWEEP_S / 5)
            used_s = process_time() - used_s
        finally:
            gc.unfreeze()
            sweeper.cancel()
            await pool.close()
        return replace(tally.record(known), started_at=started_at, cpu_s=used_s)

    async def _offer(self, pool: Pool, payloads: list[bytes], tally: "_Tally") -> None:
        clock, timeout_s, prepared = self._clock, self._limits.timeout_s, len(payloads)
        monotonic, lag_ms, started = clock.monotonic, tally.lag_ms, tally.started
        since_turn = 0
        for number, due_s in enumerate(tally.due_s):
            due = started + due_s
            now = monotonic()
            since_turn += 1
            if due > now or since_turn == _SENDS_A_TURN:
                await clock.wait(max(due - now, 0.0))
                since_turn = 0
                now = monotonic()
            lag_ms[number] = (now - due) * 1e3
            pool.submit(Exchange(number, payloads[number % prepared], due + timeout_s))

    async def _sweep(self, pool: Pool) -> None:
        while True:
            await self._clock.wait(_SWEEP_S)
            pool.give_up(self._clock.monotonic())


class _Tally:
    """Counts a run while it goes on: plain lists, since numpy is slow one element at a time."""

    def __init__(self, asked: list[Query], due_s: Floats, judge: Judge) -> None:
        self.started = 0.0
        self.due_s: list[float] = due_s.tolist()
        self.lag_ms = [0.0] * due_s.size
        self._asked, self._judge, self._prepared = asked, judge, len(asked)
        self._latency_ms = [0.0] * due_s.size
        self._failure, self._rung, self._degraded, self._resent = (
            bytearray(due_s.size) for _ in range(4)
        )
        self._failures: dict[str, int] = {}
        self._examples: list[str] = []

    def take(self, exchange: Exchange) -> None:
        """Judge one finished exchange."""
        number = exchange.number
        waited_ms = (exchange.done_at - self.started - self.due_s[number]) * 1e3
        self._latency_ms[number] = waited_ms
        query = self._asked[number % self._prepared]
        failure, rung, degraded, why = self._judge.judge(
            query, exchange.status, exchange.body, waited_ms
        )
        if rung is not None:
            self._rung[number] = _RUNG_CODES[rung]
        if degraded is not None:
            self._degraded[number] = _DEGRADED_CODES[degraded]
        if exchange.resent:
            self._resent[number] = 1
        if failure is not None:
            kind = exchange.failure or failure.value
            self._failure[number] = self._failures.setdefault(kind, len(self._failures) + 1)
            if len(self._examples) < _EXAMPLES:
                self._examples.append(f"{kind} at {self.due_s[number]:.2f} s: {why}")

    def record(self, known: frozenset[str]) -> Record:
        """Return what was counted."""
        flags = np.array([query.user_id in known for query in self._asked], dtype=np.bool_)
        return Record(
            np.array(self.due_s),
            np.array(self.lag_ms),
            np.array(self._latency_ms),
            np.frombuffer(self._failure, dtype=np.uint8),
            np.frombuffer(self._rung, dtype=np.uint8),
            np.frombuffer(self._degraded, dtype=np.uint8),
            np.resize(flags, len(self.due_s)),
            np.frombuffer(self._resent, dtype=np.bool_),
            failure_names=tuple(self._failures),
            degraded_names=DEGRADED,
            examples=tuple(self._examples),
        )


_RUNG_CODES = {name: code for code, name in enumerate(RUNGS, start=1)}
_DEGRADED_CODES = {name: code for code, name in enumerate(DEGRADED, start=1)}


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtests.openloop",
        description="Offer recommendations at a stated rate, whatever the server does; print JSON.",
        epilog="scenarios: " + "; ".join(f"{s.name}: {s.summary}" for s in SCENARIOS.values()),
    )
    add = parser.add_argument
    add("--url", default="http://127.0.0.1:8080", help="the inference service")
    add("--scenario", default="browse", metavar="NAME", help=", ".join(SCENARIOS))
    add(
        "--rate",
        type=float,
        default=200.0,
        help="requests due per second, at the peak if it varies",
    )
    add("--seconds", type=float, help="how long requests are due (default: 10, or the scenario's)")
    add("--arrivals", type=Arrivals, choices=list(Arrivals), default=Arrivals.POISSON)
    add("--objective", help="clicks, revenue or balanced")
    add("--revenue-weight", type=float, help="turn the dial, 0 to 1")
    add("--explain", action="store_true", help="ask for reasons")
    add("--users-file", type=Path, help="ids of known diners, or a model's folder")
    add("--catalogue", type=Path, help="the served model's folder: filters are checked against it")
    add("--connections", type=int, default=Limits().connections, help="most connections")
    add("--seed", type=int, default=7)
    add("--raw", type=Path, help="write every request's figures here, as .npz")
    return parser.parse_args(arguments)


async def offer(options: argparse.Namespace, scenario: Scenario) -> tuple[Record, list[Step]]:
    """Run what the command line asks for."""
    crowd = Crowd(
        read_users(options.users_file) if options.users_file else (),
        ask_places(options.url) if scenario.needs_places else (),
    )
    aim = Aim(options.objective, options.revenue_weight)
    catalogue = folder.load(options.catalogue).catalogue if options.catalogue else None
    clock, limits = SystemClock(), Limits(connections=options.connections)
    loop = OpenLoop(address_of(options.url), Judge(catalogue), clock, limits)
    seconds = options.seconds or scenario.seconds or _SECONDS
    known = frozenset(crowd.known)
    is_punctual = be_punctual()

    async def run(schedule: Schedule, number: int = 0) -> Record:
        seed = options.seed + number
        due_s = due_times(options.arrivals, schedule, seed)
        queries = scenario.stream(crowd, aim, explain=options.explain, seed=seed)
        return replace(await loop.run(due_s, queries, known), is_punctual=is_punctual)

    if not scenario.steps:
        return await run(scenario.schedule(options.rate, seconds)), []
    steps = await climb([share * options.rate for share in scenario.steps], seconds, run)
    return concatenated([step.record for step in steps]), steps


def main(arguments: list[str]) -> int:
    """Run, print the summary as JSON; exit 3 when the run is void."""
    options = parse(arguments)
    scenario = scenario_named(options.scenario)
    record, steps = uvloop.run(offer(options, scenario))
    if options.raw:
        record.save(options.raw)
    summary = {"scenario": scenario.name, **record.summary(), **described(steps)}
    sys.stdout.write(orjson.dumps(summary).decode() + "\n")
    return 3 if record.is_void else 0


if __name__ == "__main__":
    with reporting():
        sys.exit(main(sys.argv[1:]))
