"""From a fitted recommender to a model folder, refused unless it scores as the libraries do."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from maitred.artifact import (
    Check,
    DataSource,
    Manifest,
    Model,
    Ranker,
    Segment,
    Verdict,
    load,
    save,
)
from maitred.artifact.candidates import neighbour_scores
from maitred.artifact.folder import file_entries
from maitred.errors import CorruptArtifact
from training.dataset import DatasetMeta
from training.models.assembly import arrays_of, model_of, tastes_of
from training.models.components import Parts
from training.models.interactions import Interactions
from training.models.port import Ranking
from training.objectives import VALUE_STATEMENTS, Fitting

__all__ = ["PARITY_LIMIT", "Description", "Fitted", "export", "parity", "source_of"]

PARITY_LIMIT = 1e-5
"""Largest difference allowed between the artefact's scores and the library's own."""
_PROBED = 200


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A recommender fitted on one part of the data; ``weights`` [f] are its ranker's."""

    data: Interactions
    parts: Parts
    ranking: Ranking
    weights: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Description:
    """What the manifest says that the arrays do not."""

    objective: Fitting
    model: str
    code: str
    data: DataSource
    parameters: dict[str, JsonValue]
    seed: int
    fitted_on: Literal["all", "train"]
    metrics: dict[str, JsonValue]
    default_weight: float


def source_of(meta: DatasetMeta) -> DataSource:
    """Return what a manifest says of its data set."""
    return DataSource(
        fingerprint=meta.fingerprint,
        source=meta.source,
        events=meta.counts.events,
        diners=meta.counts.users,
        restaurants=meta.counts.restaurants,
        currency=meta.currency,
        assumed_values=meta.assumed_values,
        until=meta.last_at,
        pseudonym_key_fingerprint=meta.pseudonym_key_fingerprint,
    )


def parity(fitted: Fitted) -> float:
    """Return the largest difference between serving's scores and the libraries', over 200 diners.

    Vectors are compared with LightFM's ``predict``, neighbours with scipy's product in float64.
    """
    data, parts, ranking = fitted.data, fitted.parts, fitted.ranking
    model = model_of(data, parts, ranking.generators, ranking.features)
    tastes = tastes_of(data, parts)
    worst = 0.0
    for row in np.unique(np.linspace(0, data.shape[0] - 1, _PROBED).astype(int)).tolist():
        taste = tastes(row)
        said = neighbour_scores(model, taste, model.catalogue.everything)
        gaps = [np.abs(said - parts.neighbours.predict(row))]
        if taste.vector is not None:
            gaps.append(np.abs(model.vectors @ taste.vector - parts.vectors.predict(row)))
        worst = max(worst, *(float(gap.max()) for gap in gaps))
    return worst


def export(
    folder: Path,
    fitted: Fitted,
    segments: dict[str, Segment],
    description: Description,
) -> Model:
    """Write the artefact, read it back as serving would, and return it.

    Raises:
        CorruptArtifact: if its scores differ from the library's, or it would not load.
    """
    data, parts, ranking = fitted.data, fitted.parts, fitted.ranking
    gap = parity(fitted)
    if not gap <= PARITY_LIMIT:
        msg = f"exported scores differ from the library's own by {gap:.2e}, over {PARITY_LIMIT:.0e}"
        raise CorruptArtifact(msg, next_step="nothing was written; report this with the data set")
    arrays = arrays_of(data, parts, segments)
    checks = [
        Check(name="parity", value=gap, limit=PARITY_LIMIT, passed=True, reason="scores agree"),
    ]
    manifest = Manifest(
        objective=description.objective,
        model=description.model,
        code=description.code,
        data=description.data,
        parameters=description.parameters,
        seed=description.seed,
        fitted_on=description.fitted_on,
        metrics=description.metrics,
        generators=list(ranking.generators),
        ranker=Ranker(features=list(ranking.features), weights=fitted.weights.tolist()),
        history_decay=parts.neighbours.decay,
        default_weight=description.default_weight,
        value_statement=VALUE_STATEMENTS[description.objective],
        gates=Verdict(passed=True, champion=None, checks=checks),
        files=file_entries(arrays),
    )
    save(folder, manifest, arrays)
    return load(folder)
