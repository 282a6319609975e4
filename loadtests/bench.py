"""``make bench``, ``make bench-serve`` and so on: ratios against a baseline beside us.

Absolute figures age with the machine; each is measured in one run with its baseline, in turns.
Reports: ``.maitred/reports/bench-<area>.{json,md,svg}``; ``make results`` publishes them.
"""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from loadtests import bench_curve, bench_serve, bench_train, prepared
from loadtests.known import write_known_diners
from loadtests.plots import bars
from loadtests.reports import footnote, provenance, write
from loadtests.stack import Stack, likely_state
from loadtests.tables import markdown_table
from maitred.cli import report
from maitred.clock import SystemClock
from maitred.errors import MaitredError, Refused
from maitred.settings import load

__all__ = ["AREAS", "main", "parse"]

FULL = bench_serve.Effort(rounds=5, closed_s=4.0, open_s=8.0, step_s=5.0)
QUICK = bench_serve.Effort(rounds=5, closed_s=1.0, open_s=2.0, step_s=1.5)

Figures = Mapping[str, object]


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m loadtests.bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("areas", nargs="*", choices=[[], *AREAS], help="serve, train, curve; none: all")
    add("--quick", action="store_true", help="shorter rounds: for a look, not for a document")
    add("--state", type=Path, help="state folder of the stack (default: MAITRED_STATE_DIR)")
    add("--data", type=Path, metavar="DATASET", help="to train on (default: Entree, else a city)")
    return parser.parse_args(arguments)


def serve(options: argparse.Namespace) -> tuple[Figures, str, str]:
    """Measure the endpoint beside the bare reference."""
    effort = QUICK if options.quick else FULL
    with _known_diners(options) as (stack, users):
        figures = bench_serve.measure(stack, effort, users, SystemClock(), _say)
    rows = {
        "requests per second, 32 connections": ("throughput_per_s", "throughput_ratio"),
        "p99 ms at rated load, open loop": ("p99_ms", "p99_ratio"),
        "server CPU ms per request": ("cpu_ms_per_request", "cpu_ratio"),
    }
    sides = {name: _floats(figures[key]) for name, (key, _) in rows.items()}
    table = markdown_table(
        ["serving", "ours", "bare reference", "ratio"],
        [
            [name, sides[name]["ours"], sides[name]["reference"], figures[ratio]]
            for name, (_, ratio) in rows.items()
        ],
    )
    lines = [
        table,
        "",
        _serving_note(figures),
    ]
    chart = bars(
        {"per second": sides["requests per second, 32 connections"]},
        title="Throughput, 32 connections", unit="requests per second",
    )  # fmt: skip
    return figures, "\n".join(lines), chart


@contextmanager
def _known_diners(options: argparse.Namespace) -> Iterator[tuple[Stack, Path]]:
    """Give a running stack with a model, and a file of diners whom it knows."""
    state = options.state or likely_state(load().state_dir)
    with prepared.with_models(state) as stack:
        users = write_known_diners(stack)
        if users is None:
            msg = "the served model knows no diners, so nothing would be personalised"
            raise Refused(msg, next_step="train one on data with diners: maitred train")
        yield stack, users


def train(options: argparse.Namespace) -> tuple[Figures, str, str]:
    """Measure the trainer beside the library's bare fit."""
    data = options.data or prepared.dataset()
    figures = bench_train.measure(data, rounds=3 if options.quick else 5)
    stages = _floats(figures["stages_s"])
    bare = float(str(figures["bare_fit_s"]))
    rows: list[list[object]] = [["bare fit, 30 epochs, one thread", bare, 1.0]]
    rows += [[name, seconds, seconds / bare] for name, seconds in stages.items()]
    rows.append(["validate + prepare + export", figures["added_s"], figures["added_ratio"]])
    lines = [
        markdown_table(["training", "seconds", "of the bare fit"], rows),
        "",
        _training_note(figures),
    ]
    chart = bars(
        {name: {"seconds": seconds} for name, seconds in {"bare fit": bare, **stages}.items()},
        title="Training beside the library's bare fit", unit="seconds",
    )  # fmt: skip
    return figures, "\n".join(lines), chart


def curve(options: argparse.Namespace) -> tuple[Figures, str, str]:
    """Measure latency against throughput; see `loadtests.bench_curve`."""
    effort = bench_curve.Effort(1.0, 0.3) if options.quick else bench_curve.Effort(5.0, 1.0)
    with _known_diners(options) as (stack, users):
        grid = bench_curve.Grid()
        url = stack.inference_url
        curves = bench_curve.curve(url, users, effort, grid, SystemClock(), _say)
    return bench_curve.report(curves)


AREAS: dict[str, Callable[[argparse.Namespace], tuple[Figures, str, str]]] = {
    "serve": serve,
    "train": train,
    "curve": curve,
}


def main(arguments: list[str]) -> int:
    """Measure the areas asked for; write and print a report for each."""
    options = parse(arguments)
    for area in options.areas or AREAS:
        figures, body, chart = AREAS[area](options)
        command = " ".join(
            ["python -m loadtests.bench", area, *(["--quick"] if options.quick else [])]
        )
        content = provenance(SystemClock(), command) | dict(figures)
        markdown = f"# Bench: {area}\n\n{body}\n\n{footnote(content)}\n"
        write(f"bench-{area}", content, markdown, chart)
        sys.stdout.write(markdown + "\n")
    return 0


def _serving_note(figures: Figures) -> str:
    void = " Every round was void (send lag over 5 ms): the machine was too busy to measure p99."
    return (
        f"Personalised knee {figures['personalised_knee_per_s']:.0f}/s, so rated load "
        f"{figures['rated_per_s']:.0f}/s. Medians of {figures['rounds']} interleaved rounds. The bare "
        "reference: one FastAPI worker, one Redis GET, the same reply bytes."
        + (void if figures["void"] else "")
    )


def _training_note(figures: Figures) -> str:
    return (
        f"Data: {figures['data']}, {figures['events']:,} events. Medians of {figures['rounds']} "
        "interleaved rounds; every stage is one of a whole `maitred train --model lightfm "
        "--protocol none`."
    )


def _floats(group: object) -> dict[str, float]:
    return {str(k): float(v) for k, v in group.items()} if isinstance(group, Mapping) else {}


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except MaitredError as error:
        report(error)
        sys.exit(error.exit_code)
