"""Item-item weights in closed form: EASE (Steck 2019), and its sibling that predicts choices.

EASE regresses visits on visits, leaving each restaurant out of its own prediction. The sibling
regresses *choices* on visits that fade with their age: the same solve with another right side.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.linalg
import scipy.sparse as sp
from numpy.typing import NDArray

from training.models.interactions import Interactions

__all__ = ["EASE", "NEXT_CHOICE", "Neighbours", "Regression", "fit_neighbours"]

MAX_DENSE = 5000
"""Most visited restaurants that are solved for; more would need over 1 GB for the dense solve."""
ROW_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Regression:
    """Which regression: ``target`` visits or choices, ridge, and how visits fade (h ** -decay)."""

    target: Literal["visits", "choices"]
    ridge: float
    decay: float


EASE = Regression("visits", 300.0, 0.0)
NEXT_CHOICE = Regression("choices", 600.0, 0.5)


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """Row h of ``weights``, float32 [n, n], is what having visited h says about others.

    ``predict`` gives a diner's scores from the same weights by scipy's product in float64.
    """

    weights: sp.csr_matrix
    decay: float
    predict: Callable[[int], NDArray[np.float64]]


def fit_neighbours(
    data: Interactions, weights: NDArray[np.float64] | None, regression: Regression
) -> Neighbours:
    """Solve; ``weights`` [n] say what one unit of each target is worth; rows keep their best 200."""
    n = data.shape[1]
    kept = np.sort(np.lexsort((np.arange(n), -data.popularity))[:MAX_DENSE])
    faded = data.faded(regression.decay)
    inputs = faded[:, kept]
    targets = inputs if regression.target == "visits" else data.chosen[:, kept]
    dense = _solve(inputs, targets, regression.ridge)
    if weights is not None:
        dense *= weights[kept]
    matrix = _sparse(dense, kept, n)

    def predict(row: int) -> NDArray[np.float64]:
        return np.asarray((faded[row] @ matrix.astype(np.float64)).todense()).ravel()

    return Neighbours(matrix, regression.decay, predict)


def _solve(inputs: sp.csr_matrix, targets: sp.csr_matrix, ridge: float) -> NDArray[np.float64]:
    """Return argmin |Y - X B|² + ridge |B|² with a zero diagonal, by Lagrange multipliers."""
    gram = (inputs.T @ inputs).toarray()
    gram[np.diag_indices_from(gram)] += ridge
    inverse = scipy.linalg.inv(gram, overwrite_a=True, check_finite=False)
    free = inverse @ (inputs.T @ targets).toarray()
    solved: NDArray[np.float64] = free - inverse * (np.diag(free) / np.diag(inverse))
    np.fill_diagonal(solved, 0.0)
    return solved


def _sparse(dense: NDArray[np.float64], kept: NDArray[np.intp], n: int) -> sp.csr_matrix:
    width = min(ROW_LIMIT, dense.shape[1])
    best = np.sort(np.argpartition(-np.abs(dense), width - 1, axis=1)[:, :width], axis=1)
    values = np.take_along_axis(dense, best, axis=1).astype(np.float32)
    rows = np.repeat(kept, width)
    matrix = sp.csr_matrix((values.ravel(), (rows, kept[best].ravel())), shape=(n, n))
    matrix.eliminate_zeros()
    matrix.sort_indices()
    return matrix
