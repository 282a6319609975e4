"""Our endpoint beside the bare reference, in turns, in one run: ratios outlive the machine.

Both sides answer the same queries with the same bytes from the same Redis. Rated load is the larger
of half our personalised knee and a quarter of the reference's throughput.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import httpx
import orjson
import psutil  # type: ignore[import-untyped]
import redis

from loadtests.children import open_loop, run_child
from loadtests.crowd import Crowd, browse, target
from loadtests.reference import KEY
from loadtests.stack import Stack
from maitred.client import Aim
from maitred.clock import Clock
from maitred.errors import Refused
from maitred.settings import child_environment
from services.local.ports import free_port

__all__ = ["Effort", "Side", "measure"]

_START_S = 10.0
_STEPS = (0.15, 0.25, 0.4, 0.55, 0.7, 0.85)
"""Rates of the knee's search, as shares of our closed-loop throughput."""

_PERSONALISED = 0.99
"""Share of known diners' requests that must be personalised at or below the knee."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to measure."""

    rounds: int
    closed_s: float
    open_s: float
    step_s: float


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two: where it listens and which processes' CPU it uses."""

    name: str
    url: str
    pids: tuple[int, ...]

    def cpu_s(self) -> float:
        """Return the CPU seconds its processes have used so far."""
        used = [psutil.Process(pid).cpu_times() for pid in self.pids]
        return float(sum(times.user + times.system for times in used))


def measure(
    stack: Stack, effort: Effort, users: Path, clock: Clock, say: Callable[[str], None]
) -> dict[str, object]:
    """Measure both sides; rounds alternate who goes first."""
    ours = Side("ours", stack.inference_url, stack.inference_pids)
    flags = ("--users-file", str(users))
    with _reference(stack, ours, users, clock) as bare:
        closed = _rounds((ours, bare), effort.rounds, say, lambda s: _closed(s, effort, flags))
        throughput = {name: median(r["per_s"] for r in runs) for name, runs in closed.items()}
        knee = _knee(ours, throughput["ours"], effort, flags, say)
        rated = max(0.5 * knee, 0.25 * throughput["reference"])
        offered = _rounds(
            (ours, bare), effort.rounds, say, lambda s: _offered(s, rated, effort, flags)
        )
    sound = {name: [r for r in runs if not r["void"]] for name, runs in offered.items()}
    void = not all(sound.values())
    p99 = {
        name: median(r["p99_ms"] for r in (runs if void else sound[name]))
        for name, runs in offered.items()
    }
    cpu = {name: median(r["cpu_ms_per_request"] for r in runs) for name, runs in closed.items()}
    return {
        "throughput_per_s": throughput,
        "throughput_ratio": throughput["ours"] / throughput["reference"],
        "cpu_ms_per_request": cpu,
        "cpu_ratio": cpu["ours"] / cpu["reference"],
        "personalised_knee_per_s": knee,
        "rated_per_s": rated,
        "p99_ms": p99,
        "p99_ratio": p99["ours"] / p99["reference"],
        "void": void,
        "connections": 32,
        "rounds": effort.rounds,
        "closed_rounds": closed,
        "open_rounds": offered,
    }


Runs = dict[str, list[dict[str, float]]]


def _rounds(
    sides: Sequence[Side],
    rounds: int,
    say: Callable[[str], None],
    measured: Callable[[Side], dict[str, float]],
) -> Runs:
    runs: Runs = {side.name: [] for side in sides}
    for number in range(rounds):
        for side in sides if number % 2 == 0 else reversed(sides):
            figures = measured(side)
            runs[side.name].append(figures)
            shown = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
            say(f"round {number + 1}/{rounds} {side.name}: {shown}")
    return runs


def _closed(side: Side, effort: Effort, flags: Sequence[str]) -> dict[str, float]:
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
        raise Refused(msg)
    figures = orjson.loads(done.stdout)
    if figures["failures"]:
        msg = f"{side.name} failed {figures['failures']} of {figures['requests']} requests"
        raise Refused(msg, next_step="see that service's log; `maitred status` names it")
    used_ms = (side.cpu_s() - before) * 1e3
    return {"per_s": figures["per_s"], "cpu_ms_per_request": used_ms / figures["requests"]}


def _offered(side: Side, rate: float, effort: Effort, flags: Sequence[str]) -> dict[str, float]:
    summary, _ = open_loop(side.url, Aim(), rate=rate, seconds=effort.open_s, options=flags)
    names = ("p50_ms", "p99_ms", "send_lag_p999_ms", "failures")
    return {name: float(str(summary[name])) for name in names} | {
        "void": float(bool(summary["void"]))
    }


def _knee(
    ours: Side, throughput: float, effort: Effort, flags: Sequence[str], say: Callable[[str], None]
) -> float:
    """Return the highest rate tried at which known diners stay personalised and nothing fails."""
    knee = 0.0
    for share in _STEPS:
        rate = share * throughput
        summary, _ = open_loop(ours.url, Aim(), rate=rate, seconds=effort.step_s, options=flags)
        short = summary["degraded"]
        requests = int(str(summary["requests"]))
        lacking = sum(short.values()) if isinstance(short, dict) else 0
        kept = lacking <= (1 - _PERSONALISED) * requests and not summary["failures"]
        say(f"knee: {rate:.0f}/s {'holds' if kept else 'does not hold'}")
        if not kept:
            break
        knee = rate
    return knee


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
            _await(url, clock)
            yield Side("reference", url, (process.pid,))
        finally:
            process.terminate()
            store.delete(KEY)
            store.close()


def _await(url: str, clock: Clock) -> None:
    until = clock.monotonic() + _START_S
    while clock.monotonic() < until:
        try:
            httpx.get(f"{url}/readyz", trust_env=False).raise_for_status()
        except httpx.HTTPError:
            clock.sleep(0.1)
        else:
            return
    msg = "the bare reference did not start"
    raise Refused(msg)
