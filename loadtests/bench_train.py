"""What our trainer adds to the library's bare fit: both in one process, in turns, on the same data.

Bare is LightFM's own ``fit``, 30 epochs on one thread over the same interactions. Ours is a whole
training under protocol ``none``; of it, validating, preparing and exporting are what a bare script
would not do, and are held against the bare fit.
Run: ``python -m loadtests.bench_train --data DATASET`` (children get single-threaded numerics).
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import orjson
from lightfm import LightFM

from loadtests.children import run_child
from loadtests.plots import bars
from loadtests.prepared import dataset
from loadtests.tables import markdown_table
from maitred.clock import Clock, SystemClock
from maitred.errors import Refused
from training.dataset import Dataset
from training.dataset.folder import load
from training.models.interactions import interactions_of
from training.models.lightfm import DEFAULTS
from training.models.registry import recommender
from training.pipeline import Plan, train

__all__ = ["measure", "report"]

EPOCHS = 30
ADDED = ("validate", "prepare", "export")
"""Stages that a bare script would not have."""

_MOST_S = 240.0


def report(options: argparse.Namespace) -> tuple[Mapping[str, object], str, str]:
    """Measure the trainer beside the library's bare fit."""
    data = options.data or dataset()
    figures: dict[str, Any] = measure(data, rounds=3 if options.quick else 5)
    stages: dict[str, float] = figures["stages_s"]
    bare = figures["bare_fit_s"]
    rows: list[list[object]] = [["bare fit, 30 epochs, one thread", bare, 1.0]]
    rows += [[name, seconds, seconds / bare] for name, seconds in stages.items()]
    rows.append(["validate + prepare + export", figures["added_s"], figures["added_ratio"]])
    lines = [
        markdown_table(["training", "seconds", "of the bare fit"], rows),
        "",
        (
            f"Data: {figures['data']}, {figures['events']:,} events. Medians of {figures['rounds']} "
            "interleaved rounds; every stage is one of a whole `maitred train --model lightfm "
            "--protocol none`."
        ),
    ]
    chart = bars(
        {name: {"seconds": seconds} for name, seconds in {"bare fit": bare, **stages}.items()},
        title="Training beside the library's bare fit", unit="seconds",
    )  # fmt: skip
    return figures, "\n".join(lines), chart


def measure(data: Path, rounds: int) -> dict[str, object]:
    """Measure in a process of its own, whose numeric libraries use one thread."""
    command = [sys.executable, "-m", "loadtests.bench_train", "--data", str(data)]
    done = run_child(
        [*command, "--rounds", str(rounds)], label="training beside a bare fit", seconds=_MOST_S
    )
    if done.returncode != 0:
        msg = f"the trainer's bench failed: {done.stderr.strip()[-600:]}"
        raise Refused(msg, next_step="run it by itself: python -m loadtests.bench_train --help")
    return dict(orjson.loads(done.stdout))


def _bare(dataset: Dataset, clock: Clock) -> float:
    pairs = interactions_of(dataset).visits.tocoo(copy=True).astype(np.float32)
    model = LightFM(
        no_components=DEFAULTS.components,
        loss="warp",
        learning_rate=DEFAULTS.learning_rate,
        random_state=7,
    )
    started = clock.monotonic()
    model.fit(pairs, epochs=EPOCHS, num_threads=1)
    return clock.monotonic() - started


def _ours(dataset: Dataset, clock: Clock) -> dict[str, float]:
    plan = Plan("clicks", recommender("lightfm"), "none", seed=7, baselines=False)
    with tempfile.TemporaryDirectory() as folder:
        started = clock.monotonic()
        run = train(
            dataset, plan, Path(folder), code="bench", clock=clock, progress=lambda *_: None
        )
        return run.seconds | {"whole": clock.monotonic() - started}


def _alternate(dataset: Dataset, rounds: int, clock: Clock) -> dict[str, object]:
    bare: list[float] = []
    ours: list[dict[str, float]] = []
    for number in range(rounds):
        if number % 2 == 0:
            bare.append(_bare(dataset, clock))
            ours.append(_ours(dataset, clock))
        else:
            ours.append(_ours(dataset, clock))
            bare.append(_bare(dataset, clock))
    stages = {name: median(run[name] for run in ours) for name in ours[0]}
    added = sum(stages.get(name, 0.0) for name in ADDED)
    return {
        "data": dataset.meta.source,
        "events": dataset.meta.counts.events,
        "rounds": rounds,
        "bare_fit_s": median(bare),
        "stages_s": stages,
        "added_s": added,
        "added_ratio": added / median(bare),
        "bare_rounds": bare,
        "our_rounds": ours,
    }


def main() -> int:
    """Measure, print JSON."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.bench_train", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, metavar="DATASET")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    result = _alternate(load(options.data), options.rounds, SystemClock())
    sys.stdout.write(orjson.dumps(result).decode() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
