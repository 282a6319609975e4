"""From placements to figures with intervals: one table a slice, every model in every table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from maitred import metrics
from maitred.seeds import generator
from training.evaluation.placement import K, Placements
from training.models.cases import Cases

__all__ = ["METRICS", "Table", "Triple", "columns_of", "tabulate"]

Floats = NDArray[np.float64]
Triple = tuple[float, float, float]
"""Value, and its 95 % interval's ends."""

METRICS: Final = ("hit_rate_10", "recall_10", "ndcg_10", "captured_per_diner")
"""Measures with intervals; the last in minor units of the data set's currency."""


@dataclass(frozen=True, slots=True)
class Table:
    """One slice. ``rows[model][metric]`` has intervals, ``spread[model]`` coverage and Gini;
    ``against[baseline][metric]`` is the first row's model minus that baseline, paired."""  # noqa: D205, D209

    n: int
    rows: dict[str, dict[str, Triple]]
    spread: dict[str, dict[str, float]]
    against: dict[str, dict[str, Triple]]

    def to_json(self) -> dict[str, JsonValue]:
        """Return plain JSON: intervals as [value, low, high]."""
        models: dict[str, JsonValue] = {
            name: {**{m: list(t) for m, t in row.items()}, **self.spread[name]}
            for name, row in self.rows.items()
        }
        against: dict[str, JsonValue] = {
            name: {m: list(t) for m, t in row.items()} for name, row in self.against.items()
        }
        return {"n": self.n, "models": models, "against": against}


def columns_of(
    ranks: NDArray[np.int64], cases: Cases, asked: NDArray[np.bool_]
) -> tuple[int, Floats]:
    """Return (number of cases, measures by case [cases, metrics]) for one column of ranks.

    ``ranks`` and ``asked`` are [targets]; cases without an asked target are left out.
    """
    users, owner = np.unique(cases.owner[asked], return_inverse=True)
    n, seen, worth = users.size, ranks[asked], cases.worth[asked]
    measured = (
        metrics.hit_rate(seen, owner, n, K),
        metrics.recall(seen, owner, n, K),
        metrics.ndcg(seen, owner, n, K),
        metrics.captured_value(seen, worth, owner, n, K),
    )
    return n, np.column_stack(measured)


def tabulate(
    placements: Sequence[Placements], cases: Cases, asked: NDArray[np.bool_], *, seed: int
) -> Table:
    """Measure every model of the placements on the asked targets; the first is the subject."""
    names, blocks, spread, n = [], [], {}, 0
    for placed in placements:
        for column, name in enumerate(placed.names):
            if name in names:
                continue
            n, block = columns_of(placed.ranks[:, column], cases, asked)
            names.append(name)
            blocks.append(block)
            shown = placed.exposure[column]
            spread[name] = {"coverage": metrics.coverage(shown), "gini": metrics.gini(shown)}
    values = np.concatenate(blocks, axis=1)
    means = metrics.bootstrap_means(values, generator(seed, "bootstrap"))
    truth = values.mean(axis=0) if n else np.full(values.shape[1], np.nan)
    width = len(METRICS)
    rows, against = {}, {}
    for i, name in enumerate(names):
        span = range(i * width, (i + 1) * width)
        rows[name] = {
            m: metrics.interval(float(truth[j]), means[:, j])
            for m, j in zip(METRICS, span, strict=True)
        }
        if i:
            against[name] = {
                m: metrics.interval(float(truth[s] - truth[j]), means[:, s] - means[:, j])
                for m, s, j in zip(METRICS, range(width), span, strict=True)
            }
    return Table(n, rows, spread, against)
