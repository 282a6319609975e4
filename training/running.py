"""What ``train``, ``evaluate`` and ``tradeoff`` do: read, run the pipeline, write, print."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from pathlib import Path

from pydantic import JsonValue

from maitred.errors import Refused, UsageError
from maitred.pseudonyms import Pseudonyms
from training import pipeline
from training.dataset import Dataset, DatasetMeta, load
from training.dataset.deps import Dependencies, dependencies
from training.evaluation.protocol import Evaluation
from training.evaluation.report import report_json, write_report, write_tradeoff
from training.export import source_of
from training.models import recommender
from training.objectives import Fitting
from training.pipeline import Plan, Run, Stopwatch
from training.screen import manifest_of, progress, show_evaluation

__all__ = ["Asked", "code_revision", "evaluate", "tradeoff", "train"]


@dataclass(frozen=True, slots=True)
class Asked:
    """Options of ``train`` as they were given."""

    name: str
    protocol: str
    seed: int
    refit: bool
    baselines: bool
    as_json: bool


def train(data: Path, objective: Fitting, out: Path, asked: Asked) -> None:
    """See ``maitred train``."""
    deps = dependencies()
    _refuse_foreign(out)
    plan = Plan(
        objective,
        recommender(asked.name),
        asked.protocol,
        asked.seed,
        refit=asked.refit,
        baselines=asked.baselines,
    )
    dataset = _known(data, deps)
    with progress(deps.progress) as bar:
        done = pipeline.train(
            dataset, plan, out, code=code_revision(), clock=deps.clock, progress=bar
        )
    extra: dict[str, JsonValue] = {
        "version": done.model.version,
        "protocol": plan.protocol,
        "seed": plan.seed,
        "seconds": {name: round(s, 3) for name, s in done.seconds.items()},
    }
    _write(out, done, dataset.meta, extra)
    if asked.as_json:
        typed = json.loads((out / "report.json").read_text(encoding="utf-8"))
        deps.out.print_json(json.dumps(typed))
        return
    show_evaluation(deps.out, done.study.evaluation, dataset.meta)
    if done.study.tradeoff:
        deps.out.print(f"balanced: w = {done.model.manifest.default_weight:g}", markup=False)
    taken = ", ".join(f"{name} {s:.1f} s" for name, s in done.seconds.items())
    deps.out.print(f"{sum(done.seconds.values()):.1f} s: {taken}", markup=False)
    deps.out.print(f"model {done.model.version} in {out / 'model'}", markup=False)
    deps.out.print(f"next: maitred models publish {out}", markup=False)


def _known(data: Path, deps: Dependencies) -> Dataset:
    """Load a data set, if its diners are named as everywhere in this installation.

    Raises:
        KeyMismatch: if they are not.
    """
    dataset = load(data)
    key = dataset.meta.pseudonym_key_fingerprint
    Pseudonyms.of(deps.settings).require(key, f"the data set {data}")
    return dataset


def _refuse_foreign(out: Path) -> None:
    """Refuse to write a run where something else stands.

    Raises:
        Refused: unless the folder is absent, empty, or an earlier run.
    """
    if not out.exists() or (out / "model").is_dir() or (out.is_dir() and not any(out.iterdir())):
        return
    msg = f"{out} holds something else than a run; nothing was written"
    raise Refused(msg, next_step="name another --out")


def _write(out: Path, done: Run, meta: DatasetMeta, extra: dict[str, JsonValue]) -> None:
    for stale in ("report.json", "report.md", "report.svg"):
        (out / stale).unlink(missing_ok=True)
    source = source_of(meta)
    if done.study.evaluation:
        write_report(out, done.study.evaluation, source, meta.assumption, extra)
    else:
        text = json.dumps(report_json(None, source, meta.assumption, extra), indent=2)
        (out / "report.json").write_text(text + "\n", encoding="utf-8")
    shutil.rmtree(out / "tradeoff", ignore_errors=True)
    if done.study.evaluation and done.study.evaluation.tradeoff:
        tradeoff_ = done.study.evaluation.tradeoff
        write_tradeoff(out / "tradeoff", tradeoff_, source, meta.assumption)


def evaluate(run: Path, data: Path, out: Path, *, protocol: str, baselines: bool) -> None:
    """See ``maitred evaluate``."""
    if protocol == "none":
        msg = "protocol 'none' holds nothing out: there is nothing to measure"
        raise UsageError(msg, next_step="use --protocol last or time")
    deps = dependencies()
    dataset, evaluation = _studied(run, data, deps, protocol=protocol, baselines=baselines)
    extra: dict[str, JsonValue] = {"protocol": protocol, "run": run.name}
    body = report_json(evaluation, source_of(dataset), dataset.assumption, extra)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(body, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    show_evaluation(deps.out, evaluation, dataset)


def tradeoff(run: Path, data: Path, out: Path) -> None:
    """See ``maitred tradeoff``.

    Raises:
        Refused: for a revenue run, which has no dial.
    """
    manifest = manifest_of(run)
    if manifest.objective != "clicks":
        msg = "the dial works on the clicks recommender, and this run was fitted for revenue"
        raise Refused(msg, next_step="name a run trained with --objective clicks")
    deps = dependencies()
    protocol = str(manifest.parameters.get("protocol", "last"))
    protocol = "last" if protocol == "none" else protocol
    meta, evaluation = _studied(run, data, deps, protocol=protocol, baselines=False)
    if evaluation.tradeoff is None:
        msg = "the run has no dial to sweep"
        raise Refused(msg, next_step="name a run trained with --objective clicks")
    write_tradeoff(out, evaluation.tradeoff, source_of(meta), meta.assumption)
    deps.out.print((out / "tradeoff.md").read_text(encoding="utf-8"), markup=False)


def _studied(
    run: Path, data: Path, deps: Dependencies, *, protocol: str, baselines: bool
) -> tuple[DatasetMeta, Evaluation]:
    """Fit the run's recommender with its seed on the train part, and measure it."""
    manifest = manifest_of(run)
    plan = Plan(
        manifest.objective,
        recommender(manifest.model),
        protocol,
        manifest.seed,
        baselines=baselines,
    )
    key = manifest.data.pseudonym_key_fingerprint
    Pseudonyms.of(deps.settings).require(key, f"the model of {run}")
    dataset = _known(data, deps)
    with progress(deps.progress) as bar:
        watch = Stopwatch(deps.clock, bar)
        pipeline.require_trainable(dataset, plan, deps.clock)
        done = pipeline.study(dataset, plan, watch)
    assert done.evaluation is not None  # noqa: S101 - only protocol none measures nothing
    return dataset.meta, done.evaluation


def code_revision() -> str:
    """Return the git revision of this code, with ``+`` when files differ; else the version."""
    git, home = shutil.which("git"), Path(__file__).parent.parent
    if git is None or not (home / ".git").exists():
        return installed_version("maitred")
    head = _git(git, home, "rev-parse", "--short=12", "HEAD")
    changed = _git(git, home, "status", "--porcelain", "--", "training", "maitred")
    return f"{head}{'+' if changed else ''}" if head else installed_version("maitred")


def _git(git: str, home: Path, *arguments: str) -> str:
    done = subprocess.run(  # noqa: S603 - our own arguments
        [git, *arguments], cwd=home, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else ""
