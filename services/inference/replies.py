"""From a recommendation to the members of its reply."""

from typing import Any

from services.inference.recommend import Recommendation

__all__ = ["labels_of", "members_of"]


def members_of(made: Recommendation, took_s: float) -> dict[str, Any]:
    """Return what orjson writes as a reply of ``/v1/recommendations``."""
    ask, shown, ids = made.ask, made.shown, made.ids
    items: list[dict[str, Any]] = [
        {"restaurant_id": ids[at], "rank": rank, "score": score, "propensity": chance}
        for rank, (at, score, chance) in enumerate(
            zip(
                shown.restaurants.tolist(),
                shown.scores.tolist(),
                shown.propensities.tolist(),
                strict=True,
            ),
            start=1,
        )
    ]
    if made.reasons is not None:
        for item, reasons in zip(items, made.reasons, strict=True):
            item["reasons"] = reasons  # orjson writes dataclasses
    members = {
        "request_id": ask.request_id,
        "model_version": made.model_version,
        "objective": shown.policy.objective.value,
        "revenue_weight": shown.policy.weight,
        "experiment": None,
        "arm": None,
        "rung": shown.rung.value,
        "degraded": made.degraded.value if made.degraded else None,
        "took_ms": round(took_s * 1000, 3),
        "filtered": made.removed,
        "items": items,
    }
    if ask.page is not None:
        members["cursor"] = made.cursor
    return members


def labels_of(made: Recommendation) -> tuple[str, str, str, str]:
    """Return what a list is counted by: objective, rung, what ran short, traffic."""
    shown = made.shown
    return (
        shown.policy.objective.value,
        shown.rung.value,
        made.degraded.value if made.degraded else "none",
        made.ask.traffic.value,
    )
