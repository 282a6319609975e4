"""The same list for everybody: what most diners visited, or what was chosen most."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue

from maitred.artifact import Generator
from training.models.components import Components, Parts, empty_neighbours, empty_vectors
from training.models.port import Ranking
from training.objectives import Fitting

__all__ = ["Popularity"]


@dataclass(frozen=True, slots=True)
class Popularity:
    """Ranks by log(1 + distinct diners), or by log(1 + choices)."""

    by: Literal["popularity", "choices"] = "popularity"

    @property
    def name(self) -> str:
        """``popularity`` or ``choice-popularity``."""
        return "popularity" if self.by == "popularity" else "choice-popularity"

    @property
    def parameters(self) -> Mapping[str, JsonValue]:
        """It has none."""
        return {}

    def ranking(self, objective: Fitting) -> Ranking:
        """Return the one feature; for revenue, log value beside it."""
        generators = (Generator(name="popular", limit=500),)
        if objective == "revenue":
            return Ranking(generators, (self.by, "value"), (1.0, 1.0))
        return Ranking(generators, (self.by,), (1.0,))

    def fit(self, bench: Components, objective: Fitting) -> Parts:
        """Counting is all there is, and the artefact does it."""
        del objective
        return Parts(empty_vectors(bench.data), empty_neighbours(bench.data))
