"""The doors for diners: recommendations and restaurants."""

from typing import Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from maitred.catalogue import format_hours
from maitred.errors import NotFound
from maitred.observability import Metrics
from services.inference.deadline import Deadline, StepObserver
from services.inference.deps import Dependencies
from services.inference.policies import POLICY_HEADER, PolicyReply
from services.inference.recommend import Recommendation
from services.inference.schemas import ask_of_body, ask_of_query
from services.web.parameters import no_unknown_parameters
from services.web.problems import Endpoint
from services.web.responses import JsonResponse

__all__ = ["recommendations", "router"]

router = APIRouter(tags=["restaurants"], dependencies=[Depends(no_unknown_parameters)])


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
                ask = ask_of_body(await request.body(), query, now, deps.policies)
            else:
                ask = ask_of_query(query, now, deps.policies)
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
    body = {
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
    if ask.page is not None:
        body["cursor"] = made.cursor
    return JsonResponse(body, headers={POLICY_HEADER: ask.policy} if ask.policy else None)


@router.get("/v1/policies", summary="Named policies, and what they mean")
async def show_policies(request: Request) -> list[PolicyReply]:
    """Return the policies that a request may name, in the order of their file."""
    deps: Dependencies = request.app.state.dependencies
    return [PolicyReply.of(policy) for policy in deps.policies.values()]


@router.get("/v1/restaurants/{restaurant_id}", summary="What is known of a restaurant")
async def show_restaurant(request: Request, restaurant_id: str) -> dict[str, Any]:
    """Return a restaurant of the models that are served."""
    deps: Dependencies = request.app.state.dependencies
    restaurant = deps.snapshots.now.restaurant(restaurant_id)
    if restaurant is None:
        msg = f"no restaurant {restaurant_id!r} is known"
        raise NotFound(msg, fields=(("restaurant_id", "unknown"),))
    return {
        "restaurant_id": restaurant.restaurant_id,
        "name": restaurant.name,
        "lat": restaurant.lat,
        "lon": restaurant.lon,
        "cuisines": list(restaurant.cuisines),
        "price_level": restaurant.price_level,
        "avg_value_minor": restaurant.avg_value_minor,
        "commission_rate": restaurant.commission_rate,
        "hours": format_hours(restaurant.hours),
        "timezone": restaurant.timezone,
        "attributes": list(restaurant.attributes),
        "delivery_km": restaurant.delivery_km,
    }
