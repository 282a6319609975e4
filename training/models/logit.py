"""The conditional logit: weights under which softmax(X·θ) best explains what was chosen.

D. McFadden (1974), Conditional Logit Analysis of Qualitative Choice Behavior. Weighted cases, a
small ridge on the standardised scale, L-BFGS; the likelihood is concave, so the optimum is one.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

__all__ = ["fit_head", "fit_temperature", "fit_weights"]

Floats = NDArray[np.float64]
Matrices = NDArray[np.float32]

_RIDGE = 1e-3
HEAD = 50
"""How many of the best candidates the second fit looks at."""
_FIRST_CASES = 1500
"""Enough for a first fit, which only has to find the head, and for one temperature."""


def fit_weights(features: Matrices, chosen: NDArray[np.intp], importance: Floats) -> Floats:
    """Return θ, per unit of the raw features.

    ``features`` [cases, candidates, f]; ``chosen`` [cases] the position of what was chosen;
    ``importance`` [cases].
    """
    scale = features.reshape(-1, features.shape[2]).std(axis=0, dtype=np.float64)
    scale[scale == 0] = 1.0
    x = features / scale.astype(np.float32)
    objective = _likelihood(x, chosen, importance / importance.sum())
    found = minimize(objective, np.zeros(x.shape[2]), jac=True, method="L-BFGS-B")
    return np.asarray(found.x / scale, dtype=np.float64)


def _likelihood(
    x: Matrices, chosen: NDArray[np.intp], importance: Floats
) -> Callable[[Floats], tuple[float, Floats]]:
    picked = x[np.arange(len(chosen)), chosen].astype(np.float64)

    def negative(theta: Floats) -> tuple[float, Floats]:
        utilities = x @ theta.astype(np.float32)
        top = utilities.max(axis=1, keepdims=True)
        chances = np.exp(utilities - top)
        total = chances.sum(axis=1, keepdims=True)
        chances /= total
        expected = np.matmul(chances[:, None, :], x)[:, 0, :]
        log_p = picked @ theta - (top + np.log(total))[:, 0]
        value = -float(importance @ log_p) + _RIDGE * float(theta @ theta)
        slope = -(importance @ (picked - expected)) + 2 * _RIDGE * theta
        return value, np.asarray(slope, dtype=np.float64)

    return negative


def fit_head(features: Matrices, chosen: NDArray[np.intp], importance: Floats) -> Floats:
    """Return θ fitted where lists are decided: among the best 50 of a first fit over all.

    Real tastes are not exactly linear; a fit over everything spends its weights on telling bad
    restaurants from worse ones. The second fit is the same logit, conditional on the choice being
    among the first fit's best 50.
    """
    few = slice(_FIRST_CASES)
    first = fit_weights(features[few], chosen[few], importance[few])
    if features.shape[1] <= HEAD:
        return first
    utilities = features @ first.astype(np.float32)
    best = np.argpartition(-utilities, HEAD - 1, axis=1)[:, :HEAD]
    mask = np.zeros(utilities.shape, dtype=np.bool_)
    np.put_along_axis(mask, best, values=True, axis=1)
    hit = mask[np.arange(len(chosen)), chosen]
    if hit.sum() < features.shape[2]:
        return first
    near = np.take_along_axis(features, best[:, :, None], axis=1)[hit]
    place = (best[hit] == chosen[hit][:, None]).argmax(axis=1)
    return fit_weights(near, place, importance[hit])


def fit_temperature(utilities: Floats, chosen: NDArray[np.intp], importance: Floats) -> float:
    """Return the positive factor that makes softmax(factor · utilities) the best estimate.

    ``utilities`` [cases, candidates]. Order is kept, chances become honest.
    """
    utilities, chosen = utilities[:_FIRST_CASES], chosen[:_FIRST_CASES]
    share = importance[:_FIRST_CASES] / importance[:_FIRST_CASES].sum()
    spread = float(utilities.std()) or 1.0
    scaled = utilities / spread
    picked = scaled[np.arange(len(chosen)), chosen]

    def negative(log_factor: Floats) -> tuple[float, Floats]:
        factor = float(np.exp(log_factor[0]))
        scores = factor * scaled
        top = scores.max(axis=1, keepdims=True)
        chances = np.exp(scores - top)
        total = chances.sum(axis=1, keepdims=True)
        expected = ((chances / total) * scaled).sum(axis=1)
        value = -float(share @ (factor * picked - (top + np.log(total))[:, 0]))
        return value, np.array([-factor * float(share @ (picked - expected))])

    bounds = [(-12.0, 6.0)]
    found = minimize(negative, np.zeros(1), jac=True, method="L-BFGS-B", bounds=bounds)
    return float(np.exp(found.x[0])) / spread
