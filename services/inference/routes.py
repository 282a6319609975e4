"""The door for diners: recommendations."""

from typing import Any

from fastapi import Request
from starlette.responses import Response

from maitred.observability import Metrics
from services.inference.deadline import Deadline, StepObserver
from services.inference.deps import Dependencies
from services.inference.recommend import Recommendation
from services.inference.schemas import ask_of_body, ask_of_query
from services.web.problems import Endpoint
from services.web.responses import JsonResponse

__all__ = ["recommendations"]


def recommendations(metrics: Metrics) -> Endpoint:
    """Return the endpoint of ``/v1/recommendations``, for both methods."""
    observe = _observer(metrics)

    async def endpoint(request: Request) -> Response:
        deps: Dependencies = request.app.state.dependencies
        admission = deps.admission
        budget_s = deps.settings.budget_ms / 1000
        waited_s = min(admission.lag_s, budget_s / 2)  # the last measure, not this request's
        deadline = Deadline(deps.clock, budget_s, observe, waited_s=waited_s)
        query = request.scope["query_string"]
        now = deps.clock.now()
        admission.inside += 1
        try:
            if request.method == "POST":
                ask = ask_of_body(await request.body(), query, now)
            else:
                ask = ask_of_query(query, now)
            recommendation = await deps.recommender.recommend(ask, deadline)
        finally:
            admission.inside -= 1
        return _reply(recommendation, deadline, metrics)

    return endpoint


def _observer(metrics: Metrics) -> StepObserver:
    steps = {
        name: metrics.steps.labels(name).observe
        for name in ("filters", "diner", "candidates", "score")
    }

    def observe(step: str, seconds: float) -> None:
        steps[step](seconds)

    return observe


def _reply(made: Recommendation, deadline: Deadline, metrics: Metrics) -> Response:
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
    took_s = deadline.elapsed_s
    metrics.latency.observe(took_s)
    objective, rung = shown.policy.objective.value, shown.rung.value
    degraded = made.degraded.value if made.degraded else None
    metrics.requests.labels(objective, rung, degraded or "none", ask.traffic.value).inc()
    return JsonResponse(
        {
            "request_id": ask.request_id,
            "model_version": made.model_version,
            "objective": objective,
            "revenue_weight": shown.policy.weight,
            "experiment": None,
            "arm": None,
            "rung": rung,
            "degraded": degraded,
            "took_ms": round(took_s * 1000, 3),
            "filtered": made.removed,
            "items": items,
        }
    )
