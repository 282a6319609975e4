"""What revenue costs in clicks: the dial swept, a point chosen on validation, shown on test."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from maitred import metrics
from maitred.policy import dial
from maitred.seeds import generator
from training.evaluation.placement import K, Placements
from training.evaluation.tables import Triple, columns_of
from training.models.cases import Cases
from training.models.ranker import Evidence

__all__ = ["GRID", "RULE", "Point", "Tradeoff", "choose", "on_test"]

GRID: Final = tuple(round(0.05 * step, 2) for step in range(21))
"""Revenue weights that are tried."""

_TOLERATED = 0.02
RULE: Final = "most captured value at no more than 2 % fewer hits than clicks, on validation"

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Point:
    """One setting of the dial; intervals are None on validation, which only chooses.

    ``hits_change`` and ``value_change`` are relative to w = 0: -0.01 is 1 % fewer.
    """

    weight: float
    hit_rate_10: Triple
    captured_per_diner: Triple
    hits_change: Triple
    value_change: Triple


@dataclass(frozen=True, slots=True)
class Tradeoff:
    """The sweep on both parts, and what the rule chose from the first."""

    chosen: float
    validation: tuple[Point, ...]
    test: tuple[Point, ...] = ()

    def to_json(self) -> dict[str, JsonValue]:
        """Return plain JSON."""
        return {
            "rule": RULE,
            "chosen": self.chosen,
            "validation": [_plain(p) for p in self.validation],
            "test": [_plain(p) for p in self.test],
        }


def _plain(point: Point) -> dict[str, JsonValue]:
    return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(point).items()}


def choose(evidence: Evidence, theta: Floats, *, seed: int) -> Tradeoff:
    """Sweep the dial over validation's candidates and apply the rule."""
    found = evidence.chosen >= 0
    utilities = evidence.features[found] @ theta
    top = utilities.max(axis=1, keepdims=True)
    log_p = utilities - top - np.log(np.exp(utilities - top).sum(axis=1, keepdims=True))
    log_v = evidence.log_v[found].astype(np.float64)
    place = evidence.chosen[found][:, None]
    hits = np.zeros((evidence.chosen.size, len(GRID)))
    for column, weight in enumerate(GRID):
        scores = dial(log_p, log_v, weight)
        own = np.take_along_axis(scores, place, axis=1)
        ties = (scores == own) & (np.arange(scores.shape[1]) < place)
        ranks = (scores > own).sum(axis=1) + ties.sum(axis=1)
        hits[found, column] = ranks < K
    points = _points(hits, hits * evidence.worth[:, None], seed)
    return Tradeoff(_by_rule(points), points)


def _by_rule(points: Sequence[Point]) -> float:
    """Return the weight of most value among those that lose few enough hits; ties to the least."""
    kept = [p for p in points if p.hits_change[0] >= -_TOLERATED]
    return max(kept, key=lambda p: (p.captured_per_diner[0], -p.weight)).weight if kept else 0.0


def on_test(chosen: Tradeoff, placed: Placements, cases: Cases, *, seed: int) -> Tradeoff:
    """Add the same sweep measured on held-out choices; ``placed`` has one column a weight."""
    asked = np.ones(cases.items.size, dtype=np.bool_)
    columns = [columns_of(placed.ranks[:, i], cases, asked)[1] for i in range(len(GRID))]
    hits = np.column_stack([c[:, 0] for c in columns])
    value = np.column_stack([c[:, 3] for c in columns])
    return Tradeoff(chosen.chosen, chosen.validation, _points(hits, value, seed))


def _points(hits: Floats, value: Floats, seed: int) -> tuple[Point, ...]:
    both = np.concatenate([hits, value], axis=1)
    means = metrics.bootstrap_means(both, generator(seed, "tradeoff"))
    truth = both.mean(axis=0) if len(both) else np.zeros(both.shape[1])
    width = len(GRID)
    return tuple(
        Point(
            weight,
            metrics.interval(float(truth[i]), means[:, i]),
            metrics.interval(float(truth[width + i]), means[:, width + i]),
            _change(truth, means, i, 0),
            _change(truth, means, width + i, width),
        )
        for i, weight in enumerate(GRID)
    )


def _change(truth: Floats, means: Floats, i: int, reference: int) -> Triple:
    base = float(truth[reference])
    if base == 0:
        return (0.0, 0.0, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        resampled = np.nan_to_num(means[:, i] / means[:, reference] - 1.0)
    return metrics.interval(float(truth[i]) / base - 1.0, resampled)
