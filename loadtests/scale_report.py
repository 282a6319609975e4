"""`make bench-scale` in words and bars: a thousand restaurants beside a million."""

import argparse
import sys
from collections.abc import Mapping
from typing import Any

from loadtests import bench_scale
from loadtests.bench_scale import LARGE, SMALL, Effort
from loadtests.plots import bars
from loadtests.prepared import HOME
from loadtests.tables import markdown_table
from loadtests.targets import Target, said
from maitred.clock import SystemClock
from maitred.settings import child_environment
from services.local.ports import free_port
from services.local.server import Server
from services.local.valkey import find_valkey, valkey_launch

__all__ = ["report"]

FULL = Effort(rounds=5, requests=200)
QUICK = Effort(rounds=2, requests=40)


def report(options: argparse.Namespace) -> tuple[Mapping[str, object], str, str]:
    """Measure both sizes on a Valkey of their own."""
    clock, home = SystemClock(), HOME / "scale"
    launch = valkey_launch(
        home=home / "valkey", port=free_port(), log=home / "valkey.log",
        environment=child_environment(), binary=find_valkey(),
    )  # fmt: skip
    server = Server(launch, clock)
    server.start()
    try:
        effort = QUICK if options.quick else FULL
        figures: dict[str, Any] = bench_scale.measure(server.url, home, effort, clock, _say)
    finally:
        server.end()
    lines = [_places(figures), "", _no_place(figures), ""]
    lines += said(_targets(figures))
    at_500 = figures["place"]["500"]["sizes"]
    chart = bars(
        {"p50 ms, 500 in range": {f"{int(n):,}": run["p50_ms"] for n, run in at_500.items()}},
        title="A request with a place, by size of the catalogue", unit="ms at the client",
    )  # fmt: skip
    return figures, "\n".join(lines), chart


def _places(figures: Mapping[str, Any]) -> str:
    rows: list[list[object]] = []
    for wanted, found in figures["place"].items():
        for size, run in found["sizes"].items():
            is_large = int(size) == LARGE
            rows.append(
                [
                    f"{int(wanted):,} in range of {int(size):,}",
                    *(run[name] for name in ("p50_ms", "p99_ms", "cpu_ms", "personalised")),
                    found["p50_ratio"] if is_large else None,
                    found["cpu_ratio"] if is_large else None,
                ]
            )
    heads = ["p50 ms", "p99 ms", "server CPU ms", "personalised", "p50 ratio", "CPU ratio"]
    return markdown_table(["with a place", *heads], rows)


def _no_place(figures: Mapping[str, Any]) -> str:
    rows = [
        [
            f"{LARGE:,}, {name}",
            *(figures["no_place"][key][n] for n in ("p50_ms", "p99_ms", "cpu_ms")),
        ]
        for name, key in (("first time", "first"), ("again", "again"))
    ]
    return markdown_table(["without a place", "p50 ms", "p99 ms", "server CPU ms"], rows)


def _targets(figures: Mapping[str, Any]) -> list[Target]:
    loading, memory, wide = figures["loading"], figures["memory"], figures["no_place"]
    size = f"{LARGE:,} x 64, {loading['model_bytes'] / 1e6:.0f} MB"
    return [
        Target(
            f"median with 500 in range, {LARGE:,} against {SMALL:,}",
            figures["place"]["500"]["p50_ratio"],
            1.2,
        ),
        Target("without a place, p99 of first requests", wide["first"]["p99_ms"], 50, " ms"),
        Target("recall@100 against all scores", wide["recall_100"], 0.95, at_least=True),
        Target(f"from promotion to serving ({size})", loading["seconds"], 3, " s"),
        Target(
            f"failures of {loading['under_load']['requests']} requests meanwhile",
            loading["under_load"]["failures"],
            0,
        ),
        Target("memory at its peak, of two models", loading["peak_of_two_models"], 1.2),
        Target("a further worker, of the model", memory["extra_of_model"], 0.15),
    ]


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
