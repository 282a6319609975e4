"""What an impression costs everybody after the reply: CPU time by program, on a real Kafka.

CPU time, not elapsed time, so that a busy machine moves little. The load is offered at a steady rate,
because batches, and with them the cost, depend on it.
"""

import argparse
import asyncio
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from prometheus_client import CollectorRegistry

from loadtests import flow, freshness
from loadtests.plots import bars
from loadtests.servers import own_servers
from loadtests.tables import markdown_table
from loadtests.targets import said
from maitred import archive
from maitred.clock import SystemClock
from maitred.errors import Refused
from maitred.events import Traffic
from maitred.observability import Metrics
from maitred.policy import resolve
from maitred.settings import Settings, child_environment
from services.inference.ask import Ask
from services.inference.channel import SocketChannel
from services.inference.datagram import Impression
from services.inference.impressions import ImpressionLog
from services.inference.shown import Rung, Shown

__all__ = ["measure", "report"]

PER_S = 400
PLACES, POOL, CATALOGUE, DINERS = 10, 50, 5_000, 5_000
TICK_S = 0.02
WARM_UP = 1_000
CLOCK = SystemClock()


def report(options: argparse.Namespace) -> tuple[Mapping[str, object], str, str]:
    """Measure, and put it into words: figures, Markdown, SVG."""
    figures = measure(4_000 if options.quick else 20_000, PER_S)
    flows = flow.measure(2, 10_000) if options.quick else flow.measure(5, 20_000)
    fresh = freshness.measure(8.0 if options.quick else 20.0)
    spent = {str(name): float(us) for name, us in figures["cpu_us"].items()}
    chart = bars({name: {"CPU": us} for name, us in spent.items()},
                 title="What follows an impression", unit="CPU microseconds each")  # fmt: skip
    promises = [*flow.targets(flows), *freshness.targets(fresh)]
    body = "\n\n".join(
        [
            _costs(figures["impressions"], spent),
            _flows(flows),
            freshness.table(fresh),
            "\n".join(said(promises)),
        ]
    )
    return {**figures, "flow": flows, "freshness": fresh}, body, chart


def _costs(count: int, spent: Mapping[str, float]) -> str:
    rows: list[list[object]] = [[name, us, us * PER_S / 1e4] for name, us in spent.items()]
    rows.append(["together", sum(spent.values()), sum(spent.values()) * PER_S / 1e4])
    head = ["an impression costs", "CPU microseconds", f"% of a core at {PER_S}/s"]
    note = (
        f"{count:,} impressions of {PLACES} places from a pool of {POOL}, {PER_S} a "
        "second, through a real Kafka; all of them archived. CPU time of each program, its idling "
        "included. The worker is a bare loop that sleeps between bursts: a busy one is warmer."
    )
    return f"{markdown_table(head, rows)}\n\n{note}"


def _flows(flows: Mapping[str, Any]) -> str:
    head = ["events a second", "ours", "bare", "ratio"]
    rows = [
        [words, flows[name]["ours"], flows[name]["bare"], flows[name]["ratio"]]
        for name, words in flow.ROWS.items()
    ]
    rounds = len(flows["ingest"]["rounds"])
    note = (
        f"Clicks, medians of {rounds} interleaved rounds; ratios are of each round. Consumers stand "
        "still while the log is filled, and are timed from their first progress to the last behind "
        "which records waited. What the archiver waits for company at the log's end is not in it."
    )
    return f"{markdown_table(head, rows)}\n\n{note}"


@dataclass(frozen=True, slots=True)
class _Side:
    """The programs that follow the worker."""

    processes: Mapping[str, psutil.Process]
    sender: socket.socket
    archive: Path

    def cpu_s(self) -> dict[str, float]:
        """CPU seconds so far, by program."""
        return {name: sum(p.cpu_times()[:2]) for name, p in self.processes.items()}


def measure(count: int, per_s: int) -> dict[str, Any]:
    """Offer ``count`` impressions at a rate; return CPU microseconds of each, by program.

    Raises:
        Refused: not all of them were archived within a minute.
    """
    with _side() as side:
        asyncio.run(_offer_all(side, 1, per_s, 0))
        _await_archived(side, 1)  # everybody is there; before, the relay's socket would run full
        asyncio.run(_offer_all(side, WARM_UP - 1, per_s, 1))
        _await_archived(side, WARM_UP)
        before = side.cpu_s()
        offered = asyncio.run(_offer_all(side, count, per_s, WARM_UP))
        _await_archived(side, WARM_UP + count)
        after = side.cpu_s()
    spent = {name: (after[name] - before[name]) / count * 1e6 for name in after}
    return {
        "impressions": count,
        "per_s": per_s,
        "cpu_us": {"worker: offer and send": offered / count * 1e6, **spent},
    }


async def _offer_all(side: _Side, count: int, per_s: int, first: int) -> float:
    """Offer at a steady rate, as a worker's event loop does; return CPU seconds spent on it."""
    shown = _shown()
    ids = tuple(f"r{number:05}" for number in range(CATALOGUE))
    log = ImpressionLog(
        SocketChannel(side.sender.fileno()),
        Metrics(CollectorRegistry()),
        later=lambda _delay_s, _turn: None,  # flushed below, where it is timed
    )
    started, done, spent_ns = CLOCK.monotonic(), 0, 0
    while done < count:
        due = min(count, int((CLOCK.monotonic() - started) * per_s))
        impressions = [
            Impression(
                Ask(uuid.uuid4().hex, user_id=f"u{n % DINERS}", traffic=Traffic.LOAD),
                CLOCK.now(), shown[n % len(shown)], ids, "clicks-0123456789ab",
            )
            for n in range(first + done, first + due)
        ]  # fmt: skip
        spent_ns -= time.process_time_ns()
        for impression in impressions:
            log.offer(impression)
        log.flush()
        spent_ns += time.process_time_ns()
        done = due
        await CLOCK.wait(TICK_S)
    await log.close()
    return spent_ns / 1e9


def _shown() -> list[Shown]:
    """Lists of a common shape: ten places from a pool of fifty, floats with all their digits."""
    rng = np.random.default_rng(1)
    policy = resolve(None, None, balanced_weight=0.25)
    found = []
    for _ in range(500):
        pool = rng.choice(CATALOGUE, POOL, replace=False)
        found.append(
            Shown(
                Rung.PERSONALISED, policy, pool[:PLACES], rng.normal(size=PLACES),
                rng.random(PLACES), pool, rng.normal(size=POOL), rng.normal(size=POOL),
                temperature=0.1, seed=int(rng.integers(2**63)),
            )
        )  # fmt: skip
    return found


def _await_archived(side: _Side, count: int) -> None:
    deadline = CLOCK.monotonic() + 60
    while archive.count(side.archive, traffic=None) < count:
        if CLOCK.monotonic() > deadline:
            msg = (
                f"{archive.count(side.archive, traffic=None)} of {count} impressions were archived"
            )
            raise Refused(msg, next_step="see what the archiver and the relay said above")
        CLOCK.sleep(0.2)


@contextmanager
def _side() -> Iterator[_Side]:
    """Start servers and programs of their own, and end them."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-events-")))
        kafka, valkey = own_servers(home, stack)
        sender, receiver = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        stack.enter_context(sender)
        stack.enter_context(receiver)
        settings = Settings(
            state_dir=home / "state", kafka_bootstrap=kafka.url, redis_url=valkey.url,
            impressions_fd=receiver.fileno(),
        )  # fmt: skip
        programs = {
            "relay": ("services.inference.relay",),
            "features": ("services.consumers", "features"),
            "archive": ("services.consumers", "archive"),
        }
        environment = child_environment(**settings.model_dump(mode="json", exclude_unset=True))
        processes = {"broker": psutil.Process(kafka.pid)}
        for name, module in programs.items():
            process = psutil.Popen(
                [sys.executable, "-m", *module], env=environment, pass_fds=(receiver.fileno(),),
                stdin=subprocess.PIPE,  # the relay lives as long as it: not of whatever ours is
            )  # fmt: skip
            stack.callback(_end, process)
            processes[name] = process
        yield _Side(processes, sender, settings.state_dir / "archive")


def _end(process: psutil.Popen) -> None:
    process.terminate()
    process.wait(10)
