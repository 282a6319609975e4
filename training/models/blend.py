"""The default recommender: four generators under one linear ranker."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from pydantic import JsonValue

from maitred.artifact import Generator
from maitred.artifact.manifest import FeatureName
from training.models.components import Components, Parts
from training.models.ease import NEXT_CHOICE, Regression
from training.models.lightfm import DEFAULTS, Options
from training.models.port import Ranking
from training.objectives import Fitting

__all__ = ["Blend"]

_GENERATORS = (
    Generator(name="own_history", limit=50),
    Generator(name="neighbours", limit=150),
    Generator(name="vectors", limit=100),
    Generator(name="popular", limit=50),
)
_FEATURES: tuple[FeatureName, ...] = (
    "vector",
    "neighbours",
    "own_recency",
    "own_choices",
    "known",
    "popularity",
    "choices",
)


@dataclass(frozen=True, slots=True)
class Blend:
    """LightFM, the next-choice regression, own history and popularity; all weights are fitted."""

    options: Options = DEFAULTS
    regression: Regression = NEXT_CHOICE
    name: str = "blend"

    @property
    def parameters(self) -> Mapping[str, JsonValue]:
        """Those of both components."""
        return {"lightfm": asdict(self.options), "neighbours": asdict(self.regression)}

    def ranking(self, objective: Fitting) -> Ranking:
        """Return all features; for revenue, log value is one of them."""
        extra: tuple[FeatureName, ...] = ("value",) if objective == "revenue" else ()
        return Ranking(_GENERATORS, (*_FEATURES, *extra))

    def fit(self, bench: Components, objective: Fitting) -> Parts:
        """Fit both components."""
        return Parts(
            bench.vectors(objective, self.options), bench.neighbours(objective, self.regression)
        )
