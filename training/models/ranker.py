"""Fits a recommender's ranker on held-out choices, through the two stages that serve."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maitred.artifact import Model, feature_matrix, shortlist
from maitred.seeds import generator
from training import objectives
from training.models.assembly import Tastes
from training.models.cases import Cases
from training.models.logit import fit_head, fit_temperature
from training.models.port import Ranking
from training.objectives import Fitting

__all__ = ["MAX_CASES", "Evidence", "fit_ranker", "gather"]

Floats = NDArray[np.float64]
MAX_CASES = 4000
"""Choices that a ranker is fitted on; a handful of weights needs no more."""


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Held-out choices as the ranker sees them.

    ``features`` float32 [c, p, f]; ``chosen`` [c] position of the choice among the candidates, -1
    where the generators missed it; ``log_v`` [c, p]; ``worth`` [c] minor units.
    """

    features: NDArray[np.float32]
    chosen: NDArray[np.intp]
    log_v: NDArray[np.float32]
    worth: Floats


def gather(
    model: Model, tastes: Tastes, cases: Cases, seed: int, advance: Callable[[], None]
) -> Evidence:
    """Return the features of at most 4,000 held-out choices, drawn by ``seed``."""
    targets = np.arange(cases.items.size)
    if targets.size > MAX_CASES:
        rng = generator(seed, "ranker", "cases")
        targets = np.sort(rng.choice(targets.size, MAX_CASES, replace=False))
    pool = min(500, len(model.catalogue))
    features = np.empty((targets.size, pool, model.weights.size), dtype=np.float32)
    log_v = np.empty((targets.size, pool), dtype=np.float32)
    chosen = np.empty(targets.size, dtype=np.intp)
    for i, target in enumerate(targets):
        taste = tastes(int(cases.rows[cases.owner[target]]))
        listed = shortlist(model, taste, model.catalogue.everything)
        features[i] = feature_matrix(model, taste, listed)
        log_v[i] = model.log_values[listed.rows]
        place = np.searchsorted(listed.rows, cases.items[target])
        found = place < pool and listed.rows[place] == cases.items[target]
        chosen[i] = place if found else -1
        advance()
    return Evidence(features, chosen, log_v, cases.worth[targets])


def fit_ranker(evidence: Evidence, ranking: Ranking, objective: Fitting) -> Floats:
    """Return the ranker's weights, in the order of ``ranking.features``.

    The last step is a temperature over all candidates, so that the softmax estimates chances; for
    revenue, where choices weigh what they are worth, it estimates shares of money.
    """
    found = evidence.chosen >= 0
    features, chosen = evidence.features[found], evidence.chosen[found]
    importance = objectives.choice_weights(objective, evidence.worth[found])
    if not chosen.size:
        return np.asarray(ranking.direction or [1.0] * len(ranking.features), dtype=np.float64)
    if ranking.direction is not None:
        theta = np.asarray(ranking.direction, dtype=np.float64)
    else:
        theta = fit_head(features, chosen, importance)
    utilities = features @ theta
    return theta * fit_temperature(utilities, chosen, importance)
