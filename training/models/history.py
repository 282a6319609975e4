"""What the diner had before, most recent first, then what is popular: hard to beat in food."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from maitred.artifact import Generator
from training.models.components import Components, Parts, empty_neighbours, empty_vectors
from training.models.port import Ranking
from training.objectives import Fitting

__all__ = ["FIRST", "OwnHistory"]

FIRST = 1e8
"""Weight of own_recency that puts every own restaurant before all others, in order of recency."""


@dataclass(frozen=True, slots=True)
class OwnHistory:
    """Own restaurants first, in strict order; the temperature makes no chances of a strict order."""

    name: str = "own-history"

    @property
    def parameters(self) -> Mapping[str, JsonValue]:
        """It has none."""
        return {}

    def ranking(self, objective: Fitting) -> Ranking:
        """Return recency far above popularity; for revenue, log value beside popularity."""
        generators = (
            Generator(name="own_history", limit=100),
            Generator(name="popular", limit=400),
        )
        if objective == "revenue":
            return Ranking(generators, ("own_recency", "popularity", "value"), (FIRST, 1.0, 1.0))
        return Ranking(generators, ("own_recency", "popularity"), (FIRST, 1.0))

    def fit(self, bench: Components, objective: Fitting) -> Parts:
        """History and counts are all there is, and the artefact keeps both."""
        del objective
        return Parts(empty_vectors(bench.data), empty_neighbours(bench.data))
