"""`make bench-curve` in words and a picture: latency against throughput."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import median

from loadtests import bench_curve, curves, prepared
from loadtests.bench_curve import LARGE, Effort, Grid, Point
from loadtests.tables import markdown_table
from maitred.clock import SystemClock

__all__ = ["report", "told"]

FULL = Effort(point_s=5.0, warm_s=1.0)
QUICK = Effort(point_s=1.0, warm_s=0.3)


def report(options: argparse.Namespace) -> tuple[Mapping[str, object], str, str]:
    """Measure the bench's city."""
    with prepared.city_stack() as stack:
        found = bench_curve.curve(
            stack.inference_url,
            prepared.known_diners(stack),
            QUICK if options.quick else FULL,
            Grid(),
            SystemClock(),
            _say,
        )
    return told(found)


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


def told(measured: dict[str, list[Point]]) -> tuple[dict[str, object], str, str]:
    """Return figures, Markdown and the picture."""
    rows: list[list[object]] = [
        [name, p.batch or 1, p.connections, p.diners_per_s, p.p50_ms, p.p99_ms, p.personalised]
        for name, points in measured.items()
        for p in points
    ]
    heads = ["curve", "diners", "connections", "diners/s", "p50 ms", "p99 ms", "personalised"]
    single, batched, *_ = measured.values()
    best = max(point.personalised_per_s for point in single)
    large = _large(batched)
    note = (
        f"Batches of {LARGE} and more over one connection give {large / best:.2f} times the "
        "personalised lists a second of the best that single requests reach. Closed loops, one "
        "worker; where fewer lists are personalised, the service was behind and took cheaper rungs."
    )
    picture = curves.curves(
        [
            curves.Curve(f"{name}, {label}", points, dash=label == "p50", colour=number)
            for number, (name, found) in enumerate(measured.items())
            for label, points in _points(found).items()
        ],
        title="Latency against throughput", x_unit="diners per second", y_unit="ms a request",
    )  # fmt: skip
    figures: dict[str, object] = {
        "curves": {name: [asdict(point) for point in points] for name, points in measured.items()},
        "batched_over_single": large / best,
    }
    return figures, f"{markdown_table(heads, rows)}\n\n{note}", picture


def _large(batched: Sequence[Point]) -> float:
    sizes = [point.personalised_per_s for point in batched if point.batch >= LARGE]
    return median(sizes or [point.personalised_per_s for point in batched])


def _points(found: Sequence[Point]) -> dict[str, list[tuple[float, float, str]]]:
    names = [str(point.batch or point.connections) for point in found]
    return {
        "p99": [(p.diners_per_s, p.p99_ms, n) for p, n in zip(found, names, strict=True)],
        "p50": [(p.diners_per_s, p.p50_ms, "") for p in found],
    }
