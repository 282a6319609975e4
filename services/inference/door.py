"""The door of ``/v1/recommendations``: from a request's bytes to a reply's, without a framework.

It is paid in every request, so it is written against ASGI itself; what it refuses is answered by
`services.web.problems.guarded` around it.
"""

from typing import Any

import orjson
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from services.inference.deadline import Deadline
from services.inference.deps import Dependencies
from services.inference.policies import POLICY_HEADER
from services.inference.recommend import Recommendation
from services.inference.schemas import ask_of_body, ask_of_query

__all__ = ["Recommendations"]

Header = tuple[bytes, bytes]

_JSON: Header = (b"content-type", b"application/json")


class Recommendations:
    """Answers GET and POST; the request's clock starts when its first byte was read."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        deps: Dependencies = scope["app"].state.dependencies
        admission = deps.admission
        deadline = _deadline(deps, scope)
        query, now = scope["query_string"], deps.clock.now()
        admission.inside += 1
        try:
            if scope["method"] == "POST":
                ask = ask_of_body(await Request(scope, receive).body(), query, now, deps.policies)
            else:
                ask = ask_of_query(query, now, deps.policies)
            deadline.ended("parse")
            made = await deps.recommender.recommend(ask, deadline)
            deadline.ended("choose")
        finally:
            admission.inside -= 1
        body = _reply(made, deadline)
        deadline.ended("write")
        deps.meter.count(deadline, _labels(made))
        headers = [_JSON, (b"content-length", b"%d" % len(body)), _server_timing(deadline)]
        if ask.policy is not None:
            headers.append((POLICY_HEADER.lower().encode(), ask.policy.encode()))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _deadline(deps: Dependencies, scope: Scope) -> Deadline:
    """Start the clock: what passed since the first byte was read, and before, while nobody looked.

    The loop's lag is the last one measured; it counts for at most half of the budget.
    """
    now = deps.clock.monotonic()
    inside_s = max(now - scope.get("state", {}).get("arrived", now), 0.0)
    budget_s = deps.settings.budget_ms / 1000
    has_room = deps.admission.admits(inside_s)
    waited_s = inside_s + min(deps.admission.lag_s, budget_s / 2)
    return Deadline(deps.clock, budget_s, waited_s=waited_s, has_room=has_room)


def _labels(made: Recommendation) -> tuple[str, str, str, str]:
    degraded = made.degraded.value if made.degraded else "none"
    shown = made.shown
    return shown.policy.objective.value, shown.rung.value, degraded, made.ask.traffic.value


def _server_timing(deadline: Deadline) -> Header:
    """Say how long each step took, in milliseconds (W3C Server Timing)."""
    steps = ", ".join([f"{name};dur={seconds * 1000:.3f}" for name, seconds in deadline.laps])
    return b"server-timing", steps.encode()


def _reply(made: Recommendation, deadline: Deadline) -> bytes:
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
    said = {
        "request_id": ask.request_id,
        "model_version": made.model_version,
        "objective": shown.policy.objective,
        "revenue_weight": shown.policy.weight,
        "experiment": None,
        "arm": None,
        "rung": shown.rung,
        "degraded": made.degraded,
        "took_ms": round(deadline.elapsed_s * 1000, 3),
        "filtered": made.removed,
        "items": items,
    }
    if ask.page is not None:
        said["cursor"] = made.cursor
    return orjson.dumps(said)
