"""The door of ``/v1/recommendations``: from a request's bytes to a reply's, without a framework.

It is paid in every request, so it is written against ASGI itself; what it refuses is answered by
`services.web.problems.guarded` around it.
"""

import orjson
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from services.inference.deadline import Deadline
from services.inference.deps import Dependencies
from services.inference.policies import POLICY_HEADER
from services.inference.replies import labels_of, members_of
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
        body = orjson.dumps(members_of(made, deadline.elapsed_s))
        deadline.ended("write")
        deps.meter.count(deadline, labels_of(made))
        headers = [
            _JSON,
            (b"content-length", b"%d" % len(body)),
            (b"catalogue-version", made.catalogue_version.encode()),
            _server_timing(deadline),
        ]
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


def _server_timing(deadline: Deadline) -> Header:
    """Say how long each step took, in milliseconds (W3C Server Timing)."""
    steps = ", ".join([f"{name};dur={seconds * 1000:.3f}" for name, seconds in deadline.laps])
    return b"server-timing", steps.encode()
