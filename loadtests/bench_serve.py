"""Our endpoint beside the bare reference, in turns, in one run: ratios outlive the machine.

Both sides answer the same queries with the same bytes from the same Redis, one worker each; ours with
impressions to Kafka, its deadline, exploration and metrics on. Rated load is the larger of half our
personalised knee and a quarter of the reference's throughput.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import orjson
import redis

from loadtests.children import offer, run_child
from loadtests.crowd import Crowd, browse, target
from loadtests.reference import KEY
from loadtests.served import await_ready
from loadtests.sides import Side, in_turns
from loadtests.stack import Stack
from loadtests.steps import CpuByStep
from maitred.client import Aim
from maitred.clock import Clock
from maitred.errors import Refused
from maitred.settings import child_environment
from services.local.ports import free_port

__all__ = ["RATES", "Effort", "measure"]

RATES = (300.0, 1000.0)
"""Requests per second at which latency is stated, beside the rated load."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure."""

    rounds: int
    closed_s: float
    open_s: float
    steps_s: float
    """Of the whole climb to the knee."""


Figures = dict[str, float]
Runs = dict[str, list[Figures]]


def measure(
    stack: Stack, effort: Effort, users: Path, clock: Clock, say: Callable[[str], None]
) -> dict[str, object]:
    """Measure both sides; rounds alternate who goes first."""
    ours = Side("ours", stack.inference_url, pids=stack.inference_pids)
    flags = ("--users-file", str(users))
    steps = CpuByStep(ours.url)
    with _reference(stack, ours, users, clock) as bare:
        sides = (ours, bare)
        closed = _rounds(sides, effort.rounds, say, lambda s: _closed(s, effort, flags))
        by_step = steps.ms_per_request()
        throughput = _medians(closed, "per_s")
        climb, _ = offer(
            ours.url,
            Aim(),
            rate=throughput["ours"],
            seconds=effort.steps_s,
            options=("--scenario", "steps", *flags),
        )
        knee = float(str(climb["knee_per_s"]))
        say(f"knee {knee:.0f}/s")
        rated = max(0.5 * knee, 0.25 * throughput["reference"])
        offered = {
            rate: _rounds(
                sides, effort.rounds, say, lambda s, r=rate: _offered(s, r, effort, flags)
            )
            for rate in (*RATES, rated)
        }
    cpu = _medians(closed, "cpu_ms_per_request")
    return {
        "throughput_per_s": throughput,
        "throughput_ratio": _paired(closed, "per_s"),
        "cpu_ms_per_request": cpu,
        "cpu_ratio": _paired(closed, "cpu_ms_per_request"),
        "ms_by_step": by_step,
        "personalised_knee_per_s": knee,
        "knee": climb,
        "rated_per_s": rated,
        "open_loop": {f"{rate:.0f}": _latencies(runs) for rate, runs in offered.items()},
        "connections": 32,
        "rounds": effort.rounds,
        "closed_rounds": closed,
    }


def _medians(runs: Runs, figure: str) -> Figures:
    return {name: median(run[figure] for run in some) for name, some in runs.items()}


def _paired(runs: Runs, figure: str) -> float:
    """Return the median over rounds of ours beside the reference of the same round."""
    pairs = zip(runs["ours"], runs["reference"], strict=True)
    return median(ours[figure] / bare[figure] for ours, bare in pairs)


def _latencies(runs: Runs) -> dict[str, dict[str, float]]:
    """Return medians over the rounds that count, all of them where none does, and how many do."""
    figures: dict[str, dict[str, float]] = {}
    for name, some in runs.items():
        sound = [run for run in some if not run["void"]]
        used = sound or some
        figures[name] = {key: median(run[key] for run in used) for key in used[0]}
        figures[name] |= {"sound_rounds": len(sound), "failures": sum(r["failures"] for r in some)}
    return figures


def _rounds(
    sides: Sequence[Side],
    rounds: int,
    say: Callable[[str], None],
    measured: Callable[[Side], Figures],
) -> Runs:
    runs: Runs = {side.name: [] for side in sides}
    for number, side in in_turns(sides, rounds):
        figures = measured(side)
        runs[side.name].append(figures)
        shown = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
        say(f"round {number}/{rounds} {side.name}: {shown}")
    return runs


def _closed(side: Side, effort: Effort, flags: Sequence[str]) -> Figures:
    before = side.cpu_s()
    done = run_child(
        [
            *(sys.executable, "-m", "loadtests.closedloop", "--url", side.url),
            *("--seconds", f"{effort.closed_s}", *flags),
        ],
        label=f"{side.name}: 32 connections",
        seconds=effort.closed_s,
    )
    if done.returncode != 0:
        msg = f"the closed loop failed: {done.stderr.strip()[-500:]}"
        raise Refused(msg, next_step="run it by itself: python -m loadtests.closedloop --help")
    figures = orjson.loads(done.stdout)
    if figures["failures"]:
        msg = f"{side.name} failed {figures['failures']} of {figures['requests']} requests"
        raise Refused(msg, next_step="see that service's log; `maitred status` names it")
    used_ms = (side.cpu_s() - before) * 1e3
    return {
        "per_s": figures["per_s"],
        "cpu_ms_per_request": used_ms / figures["requests"],
        "personalised": figures["rungs"].get("personalised", 0) / figures["requests"],
    }


def _offered(side: Side, rate: float, effort: Effort, flags: Sequence[str]) -> Figures:
    seconds = max(effort.open_s, min(10_500 / rate, 4 * effort.open_s))
    summary, _ = offer(side.url, Aim(), rate=rate, seconds=seconds, options=flags)
    names = ("p50_ms", "p99_ms", "p999_ms", "max_ms", "send_lag_p999_ms", "failures")
    figures = {name: float(str(summary[name])) for name in names if summary[name] is not None}
    share: Any = summary["personalised_share"]
    return figures | {"personalised": float(share or 0.0), "void": float(bool(summary["void"]))}


@contextmanager
def _reference(stack: Stack, ours: Side, users: Path, clock: Clock) -> Iterator[Side]:
    """Start the reference on the stack's Redis with one real reply of ours; take both away after."""
    known = users.read_text(encoding="utf-8").split()[:1]
    query = next(browse(Crowd(tuple(known)), Aim(), explain=False, seed=1))
    body = httpx.get(ours.url + target(query), trust_env=False).raise_for_status().content
    store = redis.Redis.from_url(stack.redis_url)
    store.set(KEY, body)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen(  # noqa: S603  # our own program, no shell
        [sys.executable, "-m", "loadtests.reference", "--port", str(port)],
        env=child_environment(redis_url=stack.redis_url),
    ) as process:
        try:
            await_ready(
                url, clock, next_step="start it by hand: python -m loadtests.reference --port 8090"
            )
            yield Side("reference", url, pids=(process.pid,))
        finally:
            process.terminate()
            store.delete(KEY)
            store.close()
