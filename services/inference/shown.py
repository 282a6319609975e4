"""A ranked list before it becomes a reply or an impression."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from maitred.policy import Policy

__all__ = ["Degraded", "Reason", "Rung", "Shown"]

Indices = NDArray[np.intp]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Rung(StrEnum):
    """How good a list is, best first."""

    PERSONALISED = "personalised"
    SEGMENT = "segment"
    POPULAR = "popular"
    STATIC = "static"


class Degraded(StrEnum):
    """What ran short."""

    DEADLINE = "deadline"
    OVERLOAD = "overload"
    STORE = "store"
    NO_MODEL = "no_model"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class Reason:
    """One term of a score, in words a diner understands."""

    code: str
    text: str
    contribution: float


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """Restaurants in the order shown, with what put them there.

    ``restaurants`` catalogue indices [k]; ``scores`` and ``propensities`` [k]. ``pool`` indices
    [p] that were drawn from, with ``log_p`` and ``log_v`` [p]; empty on rungs that draw nothing.
    """

    rung: Rung
    policy: Policy
    restaurants: Indices
    scores: Floats
    propensities: Floats
    pool: Indices
    log_p: Floats
    log_v: Floats
    temperature: float = 0.0
    seed: int = 0
    fillers: Bools | None = None
    """Which of a segment's list are only what is popular everywhere, [k]."""
