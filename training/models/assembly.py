"""From fitted parts to the artefact's arrays and to a model in memory, the form that both stages read.

Evaluation ranks with exactly this model; export writes exactly these arrays.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from maitred.artifact import (
    DataSource,
    Generator,
    Manifest,
    Model,
    Ranker,
    Segment,
    Taste,
    Verdict,
)
from maitred.artifact.manifest import FeatureName
from maitred.artifact.model import Arrays, catalogue_arrays, popularity_arrays, segment_arrays
from maitred.catalogue import texts
from training.models.components import Parts
from training.models.interactions import Interactions

__all__ = ["Tastes", "arrays_of", "model_of", "tastes_of"]

Tastes = Callable[[int], Taste]
"""A diner's taste by row; -1 is somebody unknown."""


def arrays_of(data: Interactions, parts: Parts, segments: dict[str, Segment]) -> Arrays:
    """Return every array of the artefact."""
    ids, offsets = texts.pack(data.users)
    return {
        **catalogue_arrays(data.catalogue),
        "vectors": parts.vectors.items,
        "neighbours_indptr": parts.neighbours.weights.indptr.astype(np.int64),
        "neighbours_items": parts.neighbours.weights.indices.astype(np.int32),
        "neighbours_weights": parts.neighbours.weights.data.astype(np.float32),
        "popularity": data.popularity,
        "choices": data.choice_counts,
        **popularity_arrays(data.popularity, data.choice_counts),
        "values": data.worth,
        **segment_arrays(segments),
        "diners_ids": ids,
        "diners_id_offsets": offsets,
        "diners_indptr": data.indptr,
        "diners_items": data.items,
        "diners_at": data.at,
        "diners_choices": data.choices,
        "diners_vectors": parts.vectors.diners,
    }


def tastes_of(data: Interactions, parts: Parts) -> Tastes:
    """Return what the two stages see of each diner of the data."""

    def taste(row: int) -> Taste:
        return data.taste(row, parts.vectors.diners[row] if row >= 0 else None)

    return taste


def model_of(
    data: Interactions,
    parts: Parts,
    generators: Sequence[Generator],
    features: Sequence[FeatureName],
    weights: NDArray[np.float64] | None = None,
) -> Model:
    """Return a model that never was on disk, for fitting rankers and measuring lists.

    Its manifest says only what the two stages read; ``weights`` None are zeros.
    """
    theta = np.zeros(len(features)) if weights is None else weights
    manifest = Manifest(
        objective="clicks",
        model="in memory",
        code="",
        data=DataSource(
            fingerprint="",
            source="",
            events=0,
            diners=data.shape[0],
            restaurants=data.shape[1],
            currency=None,
            assumed_values=False,
            until=None,
        ),
        parameters={},
        seed=0,
        fitted_on="train",
        metrics={},
        generators=list(generators),
        ranker=Ranker(features=list(features), weights=theta.tolist()),
        history_decay=parts.neighbours.decay,
        default_weight=0.0,
        value_statement="",
        gates=Verdict(passed=False, champion=None, checks=[]),
        files={},
    )
    return Model(
        version="in-memory",
        manifest=manifest,
        catalogue=data.catalogue,
        vectors=parts.vectors.items,
        neighbours_indptr=parts.neighbours.weights.indptr.astype(np.int64),
        neighbours_items=parts.neighbours.weights.indices.astype(np.int32),
        neighbours_weights=parts.neighbours.weights.data,
        popularity=data.popularity,
        choices=data.choice_counts,
        **popularity_arrays(data.popularity, data.choice_counts),  # type: ignore[arg-type]  # two of its arrays
        values=data.worth,
        segments={},
    )
