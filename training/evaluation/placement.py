"""Where held-out choices stand in the lists that serving would show.

The two stages are those of `maitred.artifact`; several rankers over one model are scored from one
shortlist and one feature matrix, because only the last product differs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maitred.artifact import Model, feature_matrix, shortlist
from maitred.artifact.manifest import FeatureName
from maitred.metrics import MISSED
from training.models.assembly import Tastes
from training.models.cases import Cases

__all__ = ["Contender", "K", "Placements", "place"]

K = 10
"""Length of the lists that are judged."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Contender:
    """One ranker over a model's features; features that it does not name weigh nothing.

    ``dial`` adds dial * log v.
    """

    name: str
    weights: Mapping[FeatureName, float]
    dial: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Placements:
    """``ranks`` int64 [targets, contenders], from 0; ``exposure`` int64 [contenders, n] counts how
    often each restaurant stood in a list."""  # noqa: D205, D209 - one sentence says both

    names: tuple[str, ...]
    ranks: NDArray[np.int64]
    exposure: NDArray[np.int64]


def place(
    model: Model,
    tastes: Tastes,
    cases: Cases,
    contenders: Sequence[Contender],
    *,
    new_only: bool,
    strangers: bool = False,
    advance: Callable[[], None],
) -> Placements:
    """Rank every case's targets under every contender.

    ``strangers`` ranks for diners without a history too. Serving does not: it has other lists for
    them, see :func:`training.evaluation.cold.with_strangers`.
    ``new_only``: restaurants that the diner knows are masked before stage one, as a filter of a
    request would; ranks of known targets then mean nothing and are ``MISSED``.
    """
    theta, dials = _columns(model, contenders)
    ranks = np.full((cases.items.size, len(contenders)), MISSED, dtype=np.int64)
    exposure = np.zeros((len(contenders), len(model.catalogue)), dtype=np.int64)
    asked = cases.is_new if new_only else np.ones(cases.items.size, dtype=np.bool_)
    cuts = np.searchsorted(cases.owner, np.arange(len(cases) + 1))
    column = np.arange(len(contenders))[:, None]
    for case, row in enumerate(cases.rows.tolist()):
        targets = np.arange(cuts[case], cuts[case + 1])
        targets = targets[asked[targets]]
        advance()
        if not targets.size or (row < 0 and not strangers):
            continue
        taste = tastes(row)
        rows = model.catalogue.everything
        if new_only:
            rows = np.delete(rows, taste.items)
        listed = shortlist(model, taste, rows)
        scores = theta @ feature_matrix(model, taste, listed).T
        scores += dials * model.log_values[listed.rows]
        ranks[targets] = _ranks(scores, listed.rows, cases.items[targets])
        exposure[column, listed.rows[_best(scores)]] += 1
    return Placements(tuple(c.name for c in contenders), ranks, exposure)


def _columns(model: Model, contenders: Sequence[Contender]) -> tuple[Floats, Floats]:
    names = model.manifest.ranker.features
    theta = np.array([[c.weights.get(name, 0.0) for name in names] for c in contenders])
    return theta, np.array([[c.dial] for c in contenders])


def _ranks(
    scores: Floats, candidates: NDArray[np.intp], wanted: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the wanted restaurants' ranks, ties by index as in `maitred.policy.greedy`."""
    found = np.searchsorted(candidates, wanted)
    ranks = np.full((wanted.size, scores.shape[0]), MISSED, dtype=np.int64)
    for i, place_ in enumerate(found.tolist()):
        if place_ < candidates.size and candidates[place_] == wanted[i]:
            own = scores[:, place_, None]
            earlier = scores[:, :place_] == own
            ranks[i] = (scores > own).sum(axis=1) + earlier.sum(axis=1)
    return ranks


def _best(scores: Floats) -> NDArray[np.intp]:
    k = min(K, scores.shape[1])
    return np.argpartition(-scores, k - 1, axis=1)[:, :k]
