"""What recommenders are made of, each fitted at most once per part of the data."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp

from training import objectives
from training.models import lightfm
from training.models.ease import Neighbours, Regression, fit_neighbours
from training.models.interactions import Interactions
from training.models.lightfm import Vectors, fit_vectors
from training.objectives import Fitting

__all__ = ["Components", "Parts", "empty_neighbours", "empty_vectors"]


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """The fitted arrays of one recommender; what it does not use is empty."""

    vectors: Vectors
    neighbours: Neighbours


@dataclass(eq=False)
class Components:
    """A workbench over one part of the data: asks for the same fit twice return the first."""

    data: Interactions
    seed: int
    advance: Callable[[], None] = lambda: None
    _vectors: dict[tuple[Fitting, lightfm.Options], Vectors] = field(default_factory=dict)
    _neighbours: dict[tuple[Fitting, Regression], Neighbours] = field(default_factory=dict)

    def vectors(self, objective: Fitting, options: lightfm.Options) -> Vectors:
        """Return LightFM fitted for an objective."""
        key = (objective, options)
        if key not in self._vectors:
            weights = objectives.item_weights(objective, self.data.worth)
            self._vectors[key] = fit_vectors(
                self.data.visits, weights, options, self.seed, self.advance
            )
        return self._vectors[key]

    def neighbours(self, objective: Fitting, regression: Regression) -> Neighbours:
        """Return item-item weights fitted for an objective."""
        key = (objective, regression)
        if key not in self._neighbours:
            weights = objectives.item_weights(objective, self.data.worth)
            self._neighbours[key] = fit_neighbours(self.data, weights, regression)
        return self._neighbours[key]


def empty_vectors(data: Interactions) -> Vectors:
    """Return vectors of no width: the recommender keeps none."""
    m, n = data.shape
    nothing = np.zeros((n, 0), dtype=np.float32)
    return Vectors(nothing, np.zeros((m, 0), dtype=np.float32), lambda _: np.zeros(n))


def empty_neighbours(data: Interactions) -> Neighbours:
    """Return neighbours of nobody."""
    n = data.shape[1]
    nothing = (np.empty(0, np.float32), np.empty(0, np.int32), np.zeros(n + 1, np.int32))
    return Neighbours(sp.csr_matrix(nothing, shape=(n, n)), 0.0, lambda _: np.zeros(n))
