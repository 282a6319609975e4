"""``python -m training.quality``: model tables on the data at hand, into ``<state>/reports/quality``.

Every recommender is trained for both objectives and judged on held-out choices of the first real
data set, then of a synthetic city whose tastes are known. Under ten minutes on one core.
"""

import json
import os
import platform
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import JsonValue
from rich.console import Console

from maitred.clock import Clock, SystemClock
from maitred.settings import load as load_settings
from training.dataset import Dataset, load, synthesise
from training.evaluation.report import slice_markdown
from training.evaluation.tables import Table
from training.export import source_of
from training.models import RECOMMENDERS, recommender
from training.objectives import Fitting
from training.pipeline import Plan, Run, train
from training.running import code_revision

__all__ = ["main", "measure", "merged"]

Say = Callable[[str], None]
_SEED = 7


def measure(
    dataset: Dataset, names: Sequence[str], objective: Fitting, *, clock: Clock, say: Say
) -> dict[str, Run]:
    """Train each recommender for an objective without refitting; the first also fits baselines."""
    runs = {}
    for i, name in enumerate(names):
        plan = Plan(objective, recommender(name), "last", _SEED, refit=False, baselines=i == 0)
        with TemporaryDirectory(prefix="maitred-quality-") as home:
            runs[name] = train(
                dataset, plan, Path(home), code="quality", clock=clock, progress=_silent
            )
        say(f"{objective} {name}: {sum(runs[name].seconds.values()):.1f} s")
    return runs


def merged(runs: dict[str, Run]) -> dict[str, Table]:
    """Return one table a slice with the rows of all runs."""
    tables: dict[str, Table] = {}
    for run in runs.values():
        if run.study.evaluation is None:
            continue
        for name, table in run.study.evaluation.slices.items():
            known = tables.get(name)
            tables[name] = Table(
                table.n,
                {**(known.rows if known else {}), **table.rows},
                {**(known.spread if known else {}), **table.spread},
                {},
            )
    return tables


def main() -> None:
    """Measure everything and write the reports."""
    settings, clock, console = load_settings(), SystemClock(), Console(soft_wrap=True)
    folder = settings.state_dir / "reports"
    entree = settings.state_dir / "data" / "entree"
    sets = {"Synthetic city": synthesise(_SEED, restaurants=300, diners=1500, days=28)}
    if entree.is_dir():
        sets = {"Entree Chicago": load(entree), **sets}
    else:
        console.print("no Entree here (maitred data fetch entree): the synthetic city alone")
    body: dict[str, JsonValue] = {"schema": 1, "sets": {}}
    texts = ["# Model quality"]
    for title, dataset in sets.items():
        found, text = _judged(title, dataset, clock, lambda line: console.print(line, markup=False))
        body["sets"] = {**_object(body["sets"]), title: found}
        texts.append(text)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "quality.json").write_text(json.dumps(body, indent=2) + "\n", encoding="utf-8")
    texts.append(_made(clock))
    markdown = "\n\n".join(texts) + "\n"
    (folder / "quality.md").write_text(markdown, encoding="utf-8")
    console.print(markdown, markup=False)


def _made(clock: Clock) -> str:
    """Return how to make the report again, and where this one was made."""
    at, cpus = clock.now().isoformat(timespec="seconds"), os.cpu_count()
    machine = f"{cpus} CPUs, {platform.system()} {platform.machine()}"
    return f"`python -m training.quality` at {code_revision()[:12]}, {at}, {machine}"


def _object(value: JsonValue) -> dict[str, JsonValue]:
    return value if isinstance(value, dict) else {}


def _judged(
    title: str, dataset: Dataset, clock: Clock, say: Say
) -> tuple[dict[str, JsonValue], str]:
    source, lines = source_of(dataset.meta), [f"## {title}"]
    found: dict[str, JsonValue] = {"fingerprint": dataset.meta.fingerprint}
    objectives: tuple[Fitting, ...] = ("clicks", "revenue")
    for objective in objectives:
        runs = measure(dataset, list(RECOMMENDERS), objective, clock=clock, say=say)
        tables = merged(runs)
        found[objective] = {
            "slices": {name: table.to_json() for name, table in tables.items()},
            "seconds": {name: dict(run.seconds) for name, run in runs.items()},
        }
        lines += [slice_markdown(f"{objective}: {n}", t, source) for n, t in tables.items()]
    if dataset.meta.assumption:
        lines.append(f"Values are assumed: {dataset.meta.assumption}")
    return found, "\n\n".join(lines)


def _silent(stage: str, steps: int) -> None:
    """Show nothing."""
    del stage, steps


if __name__ == "__main__":
    main()
