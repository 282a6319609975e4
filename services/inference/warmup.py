"""Walks a model before a diner has to: first calls are slow, of numpy as of the disk's pages."""

from datetime import UTC, datetime

import numpy as np

from maitred.artifact import Taste
from maitred.catalogue import Filters
from maitred.policy import Objective, resolve
from services.inference import fallback
from services.inference.ask import Ask
from services.inference.candidates import shortlist_for
from services.inference.catalogue_view import head_of, view_of
from services.inference.explain import explain
from services.inference.exploration import draw
from services.inference.scorer import judge
from services.inference.snapshot import Served

__all__ = ["warm"]

_ROUNDS = 3
_NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def warm(served: Served) -> None:
    """Make every step's first call; raises whatever a broken model raises."""
    n = len(served.model.catalogue)
    if not n:
        return
    visited = np.arange(min(3, n), dtype=np.int32)
    width = served.model.vectors.shape[1]
    vector = np.zeros(width, dtype=np.float32) if width else None
    taste = Taste(visited, np.ones(visited.size, np.float32), vector, visited[:0])
    filters = Filters(lat=0.0, lon=0.0, radius_km=20_000.0, cuisines=("none",), price_max=4,
                      open_at=_NOON, exclude=frozenset({"none"}))  # fmt: skip
    for number in range(_ROUNDS):
        view_of(served, filters)
        ask = Ask(request_id=f"warm-{number}", explain=True)
        policy = resolve(Objective.BALANCED, None, balanced_weight=0.25)
        view = view_of(served, ask.filters) or head_of(served, ask.filters)
        judged = judge(served, taste, policy, shortlist_for(taste, view))
        shown = draw(ask, judged.scored, judged.scores, policy, temperature=0.1, seed=(0, "warm"))
        explain(served, taste, shown, judged.scored)
        for left_s in (0.0, 1.0):
            fallback.best_affordable(ask, policy, view, now=_NOON, remaining_s=left_s)
