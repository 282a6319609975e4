"""One component alone as a recommender: LightFM's product, or EASE's sum."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from pydantic import JsonValue

from maitred.artifact import Generator
from training.models.components import Components, Parts, empty_neighbours, empty_vectors
from training.models.ease import EASE, Regression
from training.models.lightfm import DEFAULTS, Options
from training.models.port import Ranking
from training.objectives import Fitting

__all__ = ["Ease", "LightFm"]


@dataclass(frozen=True, slots=True)
class LightFm:
    """Matrix factorisation with the WARP loss; ranks by the vectors' product."""

    options: Options = DEFAULTS
    name: str = "lightfm"

    @property
    def parameters(self) -> Mapping[str, JsonValue]:
        """LightFM's own."""
        return {"lightfm": asdict(self.options)}

    def ranking(self, objective: Fitting) -> Ranking:
        """Return the product alone: what choices are worth is in the fit."""
        del objective
        return Ranking((Generator(name="vectors", limit=500),), ("vector",), (1.0,))

    def fit(self, bench: Components, objective: Fitting) -> Parts:
        """Fit LightFM; see :func:`training.models.lightfm.fit_vectors`."""
        return Parts(bench.vectors(objective, self.options), empty_neighbours(bench.data))


@dataclass(frozen=True, slots=True)
class Ease:
    """A shallow linear auto-encoder; ranks by the sum of item-item weights."""

    regression: Regression = EASE
    name: str = "ease"

    @property
    def parameters(self) -> Mapping[str, JsonValue]:
        """The regression's."""
        return {"neighbours": asdict(self.regression)}

    def ranking(self, objective: Fitting) -> Ranking:
        """Return the sum alone: what choices are worth is in the fit."""
        del objective
        generators = (
            Generator(name="neighbours", limit=300),
            Generator(name="popular", limit=100),
        )
        return Ranking(generators, ("neighbours",), (1.0,))

    def fit(self, bench: Components, objective: Fitting) -> Parts:
        """Solve; see :func:`training.models.ease.fit_neighbours`."""
        return Parts(empty_vectors(bench.data), bench.neighbours(objective, self.regression))
