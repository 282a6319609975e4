"""The rankers that every report sets a model beside, on plain components fitted for clicks."""

from maitred.artifact import Generator
from maitred.artifact.manifest import FeatureName
from training.evaluation.placement import Contender
from training.models.components import Components, Parts, empty_neighbours, empty_vectors
from training.models.ease import EASE
from training.models.history import FIRST
from training.models.lightfm import DEFAULTS

__all__ = ["BASELINES", "COUNTED", "FEATURES", "GENERATORS", "baseline_parts", "no_parts"]

GENERATORS = (
    Generator(name="own_history", limit=100),
    Generator(name="neighbours", limit=150),
    Generator(name="vectors", limit=100),
    Generator(name="popular", limit=50),
)
FEATURES: tuple[FeatureName, ...] = (
    "vector",
    "neighbours",
    "own_recency",
    "popularity",
    "choices",
)

_TIES = 1e-9
"""Weight of choices where a component says nothing: strangers get what is popular."""

COUNTED = (
    Contender("popularity", {"popularity": 1.0}),
    Contender("choice-popularity", {"choices": 1.0}),
    Contender("own-history-then-popularity", {"own_recency": FIRST, "popularity": 1.0}),
    Contender("own-history-then-choice-popularity", {"own_recency": FIRST, "choices": 1.0}),
)
"""Baselines that need no fit."""

BASELINES = (
    *COUNTED,
    Contender("ease", {"neighbours": 1.0, "choices": _TIES}),
    Contender("own-history-then-ease", {"own_recency": FIRST, "neighbours": 1.0, "choices": _TIES}),
    Contender("lightfm", {"vector": 1.0, "choices": _TIES}),
)
"""All baselines."""


def baseline_parts(bench: Components) -> Parts:
    """Fit plain LightFM and plain EASE, for clicks whatever the run's objective."""
    return Parts(bench.vectors("clicks", DEFAULTS), bench.neighbours("clicks", EASE))


def no_parts(bench: Components) -> Parts:
    """Return what the baselines need that need no fit."""
    return Parts(empty_vectors(bench.data), empty_neighbours(bench.data))
