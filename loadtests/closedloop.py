"""As many requests as a fixed number of connections can carry: throughput, and nothing about latency.

A closed loop asks as fast as it is answered; its latencies leave out what a stall kept from being
asked. Run it in its own process: ``python -m loadtests.closedloop --help``.
"""

import argparse
import sys
from collections import Counter
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import orjson
import uvloop

from loadtests.crowd import Crowd, browse, target
from loadtests.judge import Judge
from loadtests.users import read_users
from loadtests.wire import Address, Exchange, Pool, address_of, get_request
from maitred.client import Aim, Query
from maitred.clock import Clock, SystemClock

__all__ = ["Throughput", "closed_loop"]

_QUERIES = 4096
_WAIT_S = 0.01
_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Throughput:
    """What a closed loop carried."""

    requests: int
    seconds: float
    failures: int
    """Late replies do not count here: waiting in line is what a closed loop does."""
    rungs: dict[str, int]

    @property
    def per_s(self) -> float:
        """Requests answered per second."""
        return self.requests / self.seconds


async def closed_loop(
    address: Address, queries: list[Query], *, connections: int, seconds: float, clock: Clock
) -> Throughput:
    """Keep every connection busy for ``seconds``; queries are repeated as often as needed."""
    shots = cycle([(query, get_request(address, target(query))) for query in queries])
    judge, rungs, asked = Judge(), Counter[str](), dict[int, Query]()
    counts: Counter[str] = Counter()
    ends = float("inf")

    def submit() -> None:
        query, payload = next(shots)
        counts["sent"] += 1
        asked[counts["sent"]] = query
        pool.submit(Exchange(counts["sent"], payload, clock.monotonic() + _TIMEOUT_S))

    def done(exchange: Exchange) -> None:
        verdict = judge.judge(asked.pop(exchange.number), exchange.status, exchange.body, 0.0)
        counts["answered"] += 1
        counts["failed"] += verdict.failure is not None
        rungs[verdict.rung or "none"] += 1
        if exchange.done_at < ends and verdict.failure is None:
            submit()

    pool = Pool(address, connections, clock, done)
    await pool.warm(connections)
    started = clock.monotonic()
    ends = started + seconds
    for _ in range(connections):
        submit()
    while pool.pending:
        await clock.wait(_WAIT_S)
        pool.give_up(clock.monotonic())
    took_s = clock.monotonic() - started
    await pool.close()
    return Throughput(counts["answered"], took_s, counts["failed"], dict(rungs))


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.closedloop", description=__doc__)
    add = parser.add_argument
    add("--url", default="http://127.0.0.1:8080", help="the inference service")
    add("--connections", type=int, default=32)
    add("--seconds", type=float, default=4.0)
    add("--users-file", type=Path, help="ids of known diners, or a model's folder")
    add("--seed", type=int, default=7)
    return parser.parse_args(arguments)


def main() -> int:
    """Run, print JSON."""
    options = parse(sys.argv[1:])
    crowd = Crowd(read_users(options.users_file) if options.users_file else ())
    stream = browse(crowd, Aim(), explain=False, seed=options.seed)
    result = uvloop.run(
        closed_loop(
            address_of(options.url),
            list(islice(stream, _QUERIES)),
            connections=options.connections,
            seconds=options.seconds,
            clock=SystemClock(),
        )
    )
    figures = {
        "requests": result.requests,
        "per_s": result.per_s,
        "failures": result.failures,
        "rungs": result.rungs,
    }
    sys.stdout.write(orjson.dumps(figures).decode() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
