"""`make bench-serve` in words and bars: what serving costs beside doing nothing."""

import argparse
import sys
from collections.abc import Mapping
from statistics import median
from typing import Any

from loadtests import bench_serve, prepared
from loadtests.bench_serve import Effort
from loadtests.crowd import KNOWN
from loadtests.plots import bars
from loadtests.tables import markdown_table
from loadtests.targets import Target, said
from maitred.clock import SystemClock

__all__ = ["report", "targets"]

_PERSONALISED, _AT_FULL_SPEED = 0.999, 0.95
"""Least shares of known diners, in open loops and where 32 connections wait for nothing."""
FULL = Effort(rounds=5, closed_s=4.0, open_s=5.0, steps_s=40.0)
QUICK = Effort(rounds=2, closed_s=1.0, open_s=2.0, steps_s=16.0)


def report(options: argparse.Namespace) -> tuple[Mapping[str, object], str, str]:
    """Measure the endpoint beside the bare reference."""
    with prepared.city_stack() as stack:
        users = prepared.known_diners(stack)
        effort = QUICK if options.quick else FULL
        figures: dict[str, Any] = bench_serve.measure(stack, effort, users, SystemClock(), _say)
    lines = [_costs(figures), "", _latencies(figures), "", _steps(figures), ""]
    lines += said(targets(figures))
    lines += ["", _note(figures)]
    chart = bars(
        {"requests per second": figures["throughput_per_s"]},
        title="Throughput, 32 connections, one worker", unit="per second",
    )  # fmt: skip
    return figures, "\n".join(lines), chart


def _costs(figures: Mapping[str, Any]) -> str:
    rows = [
        [name, figures[key]["ours"], figures[key]["reference"], figures[ratio]]
        for name, key, ratio in (
            ("requests per second, 32 connections", "throughput_per_s", "throughput_ratio"),
            ("server CPU ms per request", "cpu_ms_per_request", "cpu_ratio"),
        )
    ]
    return markdown_table(["serving", "ours", "bare reference", "ratio"], rows)


def _latencies(figures: Mapping[str, Any]) -> str:
    names = ("p50_ms", "p99_ms", "p999_ms", "max_ms", "personalised", "failures", "sound_rounds")
    rows = [
        [f"{rate}/s, {'ours' if side == 'ours' else 'bare'}", *(run.get(n) for n in names)]
        for rate, sides in figures["open_loop"].items()
        for side, run in sides.items()
    ]
    heads = [
        "p50 ms",
        "p99 ms",
        "p99.9 ms",
        "max ms",
        "personalised",
        "failures",
        "rounds that count",
    ]
    return markdown_table(["open loop", *heads], rows)


def _steps(figures: Mapping[str, Any]) -> str:
    rows = [[step, ms] for step, ms in figures["ms_by_step"].items()]
    busy = sum(ms for step, ms in figures["ms_by_step"].items() if step != "diner")
    rows.append(["all but diner", busy])
    return markdown_table(["step of a request", "ms"], rows)


def targets(figures: Mapping[str, Any]) -> list[Target]:
    """Return what was promised of serving, beside what these rounds measured."""
    ours = {rate: sides["ours"] for rate, sides in figures["open_loop"].items()}

    def timed(rate: str, name: str) -> float | None:
        """Return a figure of rounds that count; None where none does."""
        return ours[rate].get(name) if ours[rate]["sound_rounds"] else None

    return [
        Target("throughput, of bare", figures["throughput_ratio"], 0.5, at_least=True),
        Target("p99 at 300/s", timed("300", "p99_ms"), 5, " ms"),
        Target("p99 at 1,000/s", timed("1000", "p99_ms"), 10, " ms"),
        Target("p99.9 at 1,000/s", timed("1000", "p999_ms"), 40, " ms"),
        Target("failures in the open loops", sum(run["failures"] for run in ours.values()), 0),
        Target(
            "personalised share of known diners, least of the open loops",
            min(run["personalised"] for run in ours.values()), _PERSONALISED, at_least=True,
        ),
        Target(
            f"personalised in the closed loop, where {KNOWN:.0%} are known",
            median(run["personalised"] for run in figures["closed_rounds"]["ours"]),
            _AT_FULL_SPEED * KNOWN, at_least=True,
        ),
    ]  # fmt: skip


def _note(figures: Mapping[str, Any]) -> str:
    bound = "at least " if figures["knee"]["knee_is_bound"] else ""
    return (
        f"One worker, a synthetic city of {prepared.RESTAURANTS:,} restaurants, impressions to Kafka, "
        "deadline, exploration and metrics on, explanations off. Personalised knee "
        f"{bound}{figures['personalised_knee_per_s']:.0f}/s, so rated load "
        f"{figures['rated_per_s']:.0f}/s. Medians of {figures['rounds']} interleaved rounds; ratios are "
        "of each round. The bare reference: one FastAPI worker, one Redis GET, the same reply bytes. "
        "The step `diner` waits for Redis while others run. A round counts if the generator's send lag "
        "p99.9 was below 5 ms."
    )


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
