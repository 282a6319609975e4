"""LightFM (Kula 2015) with the WARP loss (Weston et al. 2011), on one thread so that it repeats."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from lightfm import LightFM
from numpy.typing import NDArray

__all__ = ["DEFAULTS", "Options", "Vectors", "fit_vectors"]

Floats32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Options:
    """Hyper-parameters, chosen on validation."""

    components: int = 24
    epochs: int = 30
    learning_rate: float = 0.03
    averaged: int = 20
    """How many of the last epochs the kept weights are the mean of (Polyak & Juditsky 1992): less
    luck of the seed than the last epoch alone."""


DEFAULTS = Options()
_WEIGHTS = ("item_embeddings", "item_biases", "user_embeddings", "user_biases")


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """Both sides with their biases folded in as two more dimensions.

    ``items`` float32 [n, c + 2] is [v, b_i, 1], ``diners`` float32 [m, c + 2] is [u, 1, b_u]:
    their product is the library's score. ``predict`` asks the library itself, one diner at a time.
    """

    items: Floats32
    diners: Floats32
    predict: Callable[[int], NDArray[np.float64]]


def fit_vectors(
    visits: sp.csr_matrix,
    weights: NDArray[np.float64] | None,
    options: Options,
    seed: int,
    advance: Callable[[], None],
) -> Vectors:
    """Fit on distinct pairs [m, n]; ``weights`` [n] scale the steps of each restaurant's examples.

    ``advance`` is called after each epoch.
    """
    # The library refuses arrays that cannot be written to, and wants float32.
    pairs = visits.tocoo(copy=True).astype(np.float32)
    sample = None
    if weights is not None:
        each = weights[pairs.col].astype(np.float32)
        sample = sp.coo_matrix((each, (pairs.row, pairs.col)), shape=pairs.shape)
    model = LightFM(
        no_components=options.components,
        loss="warp",
        learning_rate=options.learning_rate,
        random_state=seed % 2**32,
    )
    sums = [np.float64(0.0)] * len(_WEIGHTS)
    for epoch in range(options.epochs):
        model.fit_partial(pairs, epochs=1, num_threads=1, sample_weight=sample)
        if epoch >= options.epochs - options.averaged:
            sums = [s + getattr(model, name) for s, name in zip(sums, _WEIGHTS, strict=True)]
        advance()
    kept = min(options.averaged, options.epochs)
    for total, name in zip(sums, _WEIGHTS, strict=True):
        setattr(model, name, (total / kept).astype(np.float32))
    everything = np.arange(pairs.shape[1], dtype=np.int32)

    def predict(row: int) -> NDArray[np.float64]:
        scores = model.predict(row, everything, num_threads=1)
        return np.asarray(scores, dtype=np.float64)

    return Vectors(
        _folded(model.item_embeddings, model.item_biases, bias_first=True),
        _folded(model.user_embeddings, model.user_biases, bias_first=False),
        predict,
    )


def _folded(embeddings: Floats32, biases: Floats32, *, bias_first: bool) -> Floats32:
    ones = np.ones_like(biases)
    tail = (biases, ones) if bias_first else (ones, biases)
    return np.column_stack([embeddings, *tail]).astype(np.float32)
