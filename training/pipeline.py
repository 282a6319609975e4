"""One training run, start to finish: validate, prepare, fit, evaluate, export.

The ranker and the dial's default come from a validation split inside train; test choices are only
looked at to report. Then the same parameters are fitted on everything.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import numpy as np

from maitred.artifact import Model
from maitred.clock import Clock
from maitred.errors import InvalidDataset
from maitred.seeds import seed_of
from training.dataset import Dataset, Split, split, validate
from training.evaluation.protocol import Evaluation, Subject, evaluate
from training.evaluation.tradeoff import Tradeoff, choose
from training.export import Description, Fitted, export, source_of
from training.models.assembly import model_of, tastes_of
from training.models.cases import cases_of
from training.models.components import Components
from training.models.interactions import interactions_of
from training.models.port import Recommender
from training.models.ranker import fit_ranker, gather
from training.models.segments import build_segments
from training.objectives import Fitting

__all__ = ["Plan", "Progress", "Run", "Study", "study", "train"]

Progress = Callable[[str, int], None]
"""Called with a stage's name and how many of its steps were done since the last call."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked of a run."""

    objective: Fitting
    recommender: Recommender
    protocol: str
    seed: int
    refit: bool = True
    baselines: bool = True


@dataclass(slots=True)
class Stopwatch:
    """Seconds by stage, for reports; never part of an artefact."""

    clock: Clock
    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def stage(self, name: str) -> Iterator[Callable[[], None]]:
        """Time a block; yields what the block calls after each step."""
        begun = self.clock.monotonic()
        self.progress(name, 0)
        try:
            yield lambda: self.progress(name, 1)
        finally:
            taken = self.clock.monotonic() - begun
            self.seconds[name] = self.seconds.get(name, 0.0) + taken


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """A recommender fitted on a train part and measured on what was held out."""

    fitted: Fitted | None
    """Fitted on the train part; None under protocol ``none``."""
    weights: np.ndarray
    """The ranker's, fitted on validation."""
    tradeoff: Tradeoff | None
    evaluation: Evaluation | None
    train: Dataset


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What a training left behind."""

    model: Model
    study: Study
    seconds: dict[str, float]


def require_trainable(dataset: Dataset, plan: Plan, clock: Clock) -> None:
    """Refuse data that cannot carry the plan, with the reason and what to do.

    Raises:
        InvalidDataset: naming every failed check.
    """
    validate(dataset, latest=clock.now() + timedelta(seconds=300)).require()
    if plan.objective == "revenue" and dataset.choices["value_minor"].notna().sum() == 0:
        msg = "objective revenue needs what choices are worth: no order has a value"
        step = "map `value` of the orders in the mapping, import again, or train for clicks"
        raise InvalidDataset(msg, next_step=step)


def study(dataset: Dataset, plan: Plan, watch: Stopwatch) -> Study:
    """Fit on the train part, choose on validation inside it, measure on what was held out.

    Raises:
        InvalidDataset: if the data cannot carry the protocol or the objective.
    """
    with watch.stage("split"):
        parts = split(dataset, plan.protocol)
        inner = _validation(parts.train)
    weights, tradeoff = _choose(inner, plan, watch)
    if plan.protocol == "none":
        return Study(None, weights, tradeoff, None, parts.train)
    bench = _bench(parts.train, plan, watch)
    fitted = _fit(bench, plan, weights, watch, "fit on the train part")
    with watch.stage("evaluate") as advance:
        cases = cases_of(parts, bench.data)
        ranking = fitted.ranking
        subject = Subject(
            name=plan.recommender.name,
            objective=plan.objective,
            model=model_of(bench.data, fitted.parts, ranking.generators, ranking.features, weights),
            tastes=tastes_of(bench.data, fitted.parts),
            segments=build_segments(parts.train, bench.data.catalogue),
            tradeoff=tradeoff,
        )
        evaluation = evaluate(
            subject, bench, cases, fitted=plan.baselines, seed=plan.seed, advance=advance
        )
    return Study(fitted, weights, tradeoff, evaluation, parts.train)


def _validation(train: Dataset) -> Split:
    try:
        return split(train, "last")
    except InvalidDataset as error:
        msg = f"there is too little to fit a ranker on: inside the train part, {error}"
        step = "collect more, or use data where diners choose in three sessions or more"
        raise InvalidDataset(msg, next_step=step) from error


def _choose(inner: Split, plan: Plan, watch: Stopwatch) -> tuple[np.ndarray, Tradeoff | None]:
    bench = _bench(inner.train, plan, watch, "split")
    with watch.stage("fit on validation's train part"):
        parts = plan.recommender.fit(bench, plan.objective)
    ranking = plan.recommender.ranking(plan.objective)
    with watch.stage("fit the ranker") as advance:
        model = model_of(bench.data, parts, ranking.generators, ranking.features)
        cases = cases_of(inner, bench.data)
        tastes = tastes_of(bench.data, parts)
        evidence = gather(model, tastes, cases, plan.seed, advance)
        weights = fit_ranker(evidence, ranking, plan.objective)
    if plan.objective == "revenue":
        return weights, None
    with watch.stage("sweep the dial"):
        return weights, choose(evidence, weights, seed=plan.seed)


def _bench(part: Dataset, plan: Plan, watch: Stopwatch, stage: str = "prepare") -> Components:
    with watch.stage(stage):
        data = interactions_of(part)
    return Components(data, seed_of(plan.seed, "components"), lambda: watch.progress("fit", 1))


def _fit(
    bench: Components, plan: Plan, weights: np.ndarray, watch: Stopwatch, stage: str
) -> Fitted:
    with watch.stage(stage):
        parts = plan.recommender.fit(bench, plan.objective)
    return Fitted(bench.data, parts, plan.recommender.ranking(plan.objective), weights)


def train(
    dataset: Dataset, plan: Plan, out: Path, *, code: str, clock: Clock, progress: Progress
) -> Run:
    """Run the plan and write the artefact to ``out``/model.

    Raises:
        InvalidDataset: if the data cannot carry the plan; nothing is written.
        CorruptArtifact: if the artefact would not score as the libraries do.
    """
    watch = Stopwatch(clock, progress)
    with watch.stage("validate"):
        require_trainable(dataset, plan, clock)
    done = study(dataset, plan, watch)
    fitted, part = done.fitted, done.train
    sees_all = plan.refit or fitted is None
    if sees_all:
        part = dataset
        bench = _bench(dataset, plan, watch)
        fitted = _fit(bench, plan, done.weights, watch, "refit on everything")
    assert fitted is not None  # noqa: S101 - either the study fitted or the refit did
    with watch.stage("export"):
        segments = build_segments(part, fitted.data.catalogue)
        description = Description(
            objective=plan.objective,
            model=plan.recommender.name,
            code=code,
            data=source_of(part.meta),
            parameters={**plan.recommender.parameters, "protocol": plan.protocol},
            seed=plan.seed,
            fitted_on="all" if sees_all else "train",
            metrics=done.evaluation.summary() if done.evaluation else {},
            default_weight=done.tradeoff.chosen if done.tradeoff else 0.0,
        )
        model = export(out / "model", fitted, segments, description)
    return Run(model, done, watch.seconds)
