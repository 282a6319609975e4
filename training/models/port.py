"""The one port of all recommenders, and how their fitted parts are ranked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from pydantic import JsonValue

from maitred.artifact import Generator
from maitred.artifact.manifest import FeatureName
from training.models.components import Components, Parts
from training.objectives import Fitting

__all__ = ["Ranking", "Recommender"]


@dataclass(frozen=True, slots=True)
class Ranking:
    """Generators, features, and what of the ranker is fixed.

    ``direction`` fixes the features' weights up to one temperature, which is fitted so that the
    softmax estimates chances; None: every weight is fitted, a conditional logit.
    """

    generators: tuple[Generator, ...]
    features: tuple[FeatureName, ...]
    direction: tuple[float, ...] | None = None


class Recommender(Protocol):
    """A way to recommend: which components it fits, and how they are ranked.

    A recommender holds no data and no state: fitting again on other data forgets the first. Equal
    data, objective and seed give equal bits, whatever order the rows came in. Fitting blocks.
    """

    @property
    def name(self) -> str:
        """Name on the command line and in reports."""

    @property
    def parameters(self) -> Mapping[str, JsonValue]:
        """Hyper-parameters, as the manifest states them."""

    def ranking(self, objective: Fitting) -> Ranking:
        """Return generators and ranker form for an objective."""

    def fit(self, bench: Components, objective: Fitting) -> Parts:
        """Fit on the bench's data.

        Raises:
            InvalidDataset: if the data cannot carry the objective.
        """
