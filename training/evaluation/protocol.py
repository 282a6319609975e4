"""The whole measurement of one model: every slice, every baseline, and the dial."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from pydantic import JsonValue

from maitred.artifact import Model, Segment
from training.evaluation import baselines
from training.evaluation.cold import place_cold, with_strangers
from training.evaluation.placement import Contender, Placements, place
from training.evaluation.tables import Table, tabulate
from training.evaluation.tradeoff import GRID, Tradeoff, on_test
from training.models.assembly import Tastes, model_of, tastes_of
from training.models.cases import Cases
from training.models.components import Components
from training.objectives import Fitting

__all__ = ["PASSES", "Evaluation", "Subject", "evaluate"]

PASSES = 4
"""How often every case is ranked, for progress bars: two slices, with and without baselines."""


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """The model under judgement; its ranker's features and weights are the model's own."""

    name: str
    objective: Fitting
    model: Model
    tastes: Tastes
    segments: Mapping[str, Segment]
    tradeoff: Tradeoff | None
    """What validation chose; None: this model has no dial."""

    @property
    def label(self) -> str:
        """Its row in reports."""
        return f"{self.name} [{self.objective}]"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All tables. ``slices`` are ``all``, ``new`` and ``cold``."""

    subject: str
    slices: dict[str, Table]
    tradeoff: Tradeoff | None

    def to_json(self) -> dict[str, JsonValue]:
        """Return plain JSON."""
        return {
            "subject": self.subject,
            "slices": {name: table.to_json() for name, table in self.slices.items()},
            "tradeoff": self.tradeoff.to_json() if self.tradeoff else None,
        }

    def summary(self) -> dict[str, JsonValue]:
        """Return what the manifest keeps: the model's own figures and its lead over popularity."""
        kept: dict[str, JsonValue] = {}
        for name in ("all", "new"):
            table = self.slices[name]
            own: dict[str, JsonValue] = {m: list(t) for m, t in table.rows[self.subject].items()}
            lead: dict[str, JsonValue] = {
                m: list(t) for m, t in table.against["popularity"].items()
            }
            kept[name] = {"n": table.n, **own, "over_popularity": lead}
        return kept


def evaluate(
    subject: Subject,
    bench: Components,
    cases: Cases,
    *,
    fitted: bool,
    seed: int,
    advance: Callable[[], None],
) -> Evaluation:
    """Rank every held-out choice by the two stages that serve.

    ``bench`` holds the train part; ``fitted`` asks for the baselines that need a fit as well.
    """
    contenders = _contenders(subject)
    asked = {"all": np.ones(cases.items.size, dtype=np.bool_), "new": cases.is_new}
    slices: dict[str, Table] = {}
    strangers = place_cold(
        subject.model, subject.segments, cases, cases.rows < 0, [c.dial for c in contenders]
    )
    swept: Placements | None = None
    for name, targets in asked.items():
        new_only = name == "new"
        placed = place(
            subject.model, subject.tastes, cases, contenders, new_only=new_only, advance=advance
        )
        placed = with_strangers(placed, strangers, cases)
        first = Placements(placed.names[:1], placed.ranks[:, :1], placed.exposure[:1])
        others = _baselines(bench, cases, fitted, new_only=new_only, advance=advance)
        rows = [first, others]
        slices[name] = tabulate(rows, cases, targets, seed=seed)
        swept = swept or placed
    everybody = np.ones(len(cases), dtype=np.bool_)
    cold = place_cold(subject.model, subject.segments, cases, everybody)
    slices["cold"] = tabulate([cold], cases, asked["all"], seed=seed)
    tradeoff = subject.tradeoff
    if tradeoff is not None and swept is not None:
        own = [i for i, n in enumerate(swept.names) if n == subject.label or n.startswith("w=")]
        columns = Placements(
            tuple(swept.names[i] for i in own), swept.ranks[:, own], swept.exposure
        )
        tradeoff = on_test(tradeoff, columns, cases, seed=seed)
    return Evaluation(subject.label, slices, tradeoff)


def _contenders(subject: Subject) -> list[Contender]:
    ranker = subject.model.manifest.ranker
    weights = dict(zip(ranker.features, ranker.weights, strict=True))
    dialled = [Contender(f"w={w}", weights, w) for w in GRID[1:]] if subject.tradeoff else []
    return [Contender(subject.label, weights), *dialled]


def _baselines(
    bench: Components,
    cases: Cases,
    fitted: bool,  # noqa: FBT001 - it is what the run was asked
    *,
    new_only: bool,
    advance: Callable[[], None],
) -> Placements:
    parts = baselines.baseline_parts(bench) if fitted else baselines.no_parts(bench)
    contenders = baselines.BASELINES if fitted else baselines.COUNTED
    model = model_of(bench.data, parts, baselines.GENERATORS, baselines.FEATURES)
    tastes = tastes_of(bench.data, parts)
    return place(
        model, tastes, cases, contenders, new_only=new_only, strangers=True, advance=advance
    )
