"""``make bench``, ``make bench-serve`` and so on: ratios against a baseline beside us.

Absolute figures age with the machine; each is measured in one run with its baseline, in turns.
Reports: ``.maitred/reports/bench-<area>.{json,md,svg}``; ``make results`` publishes them.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from loadtests import bench_events, bench_train, curve_report, scale_report, serve_report
from loadtests.reports import footnote, provenance, write
from maitred.cli import reporting
from maitred.clock import SystemClock

__all__ = ["AREAS", "main", "parse"]

Report = Callable[[argparse.Namespace], tuple[Mapping[str, object], str, str]]
"""Measures an area; returns its figures, Markdown and a plot as SVG."""

AREAS: dict[str, Report] = {
    "serve": serve_report.report,
    "scale": scale_report.report,
    "curve": curve_report.report,
    "train": bench_train.report,
    "events": bench_events.report,
}


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtests.bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("areas", nargs="*", choices=[[], *AREAS], help=f"{', '.join(AREAS)}; none: all")
    add("--quick", action="store_true", help="shorter rounds: for a look, not for a document")
    add(
        "--data",
        type=Path,
        metavar="DATASET",
        help="train: data set (default: Entree, else a city)",
    )
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Measure the areas asked for; write and print a report for each."""
    options = parse(arguments)
    for area in options.areas or AREAS:
        figures, body, chart = AREAS[area](options)
        flags = [word for word in arguments if word not in AREAS]
        command = " ".join(["python -m loadtests.bench", area, *flags])
        content = provenance(SystemClock(), command) | dict(figures)
        markdown = f"# Bench: {area}\n\n{body}\n\n{footnote(content)}\n"
        write(f"bench-{area}", content, markdown, chart)
        sys.stdout.write(markdown + "\n")
    return 0


if __name__ == "__main__":
    with reporting():
        sys.exit(main(sys.argv[1:]))
