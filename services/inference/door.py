"""The door of ``/v1/recommendations``: from a request's bytes to a reply's, without a framework.

It is paid in every request, so it is written against ASGI itself; what it refuses is answered by
`services.web.problems.guarded` around it.
"""

from collections.abc import Mapping

import orjson
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from maitred.clock import Clock
from services.inference.admission import Admission
from services.inference.deadline import Deadline
from services.inference.deps import Dependencies
from services.inference.paths import CATALOGUE_VERSION
from services.inference.policies import POLICY_HEADER
from services.inference.replies import labels_of, members_of
from services.inference.schemas import ask_of_body, ask_of_query

__all__ = ["Recommendations", "clocked"]

Header = tuple[bytes, bytes]

_CATALOGUE_VERSION = CATALOGUE_VERSION.lower().encode()
_JSON: Header = (b"content-type", b"application/json")


class Recommendations:
    """Answers GET and POST; the request's clock starts when its first byte was read."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        deps: Dependencies = scope["app"].state.dependencies
        admission = deps.admission
        budget_s = deps.settings.budget_ms / 1000
        deadline = clocked(deps.clock, admission, budget_s, scope.get("state", {}))
        query, now = scope["query_string"], deps.clock.now()
        if scope["method"] == "POST":
            ask = ask_of_body(await Request(scope, receive).body(), query, now, deps.policies)
        else:
            ask = ask_of_query(query, now, deps.policies)
        ask = ask.behind(deps.pseudonyms)
        deadline.ended("parse")
        admission.inside += 1  # from here on it is we who take the time
        try:
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
            (_CATALOGUE_VERSION, made.catalogue_version.encode()),
            _server_timing(deadline),
        ]
        if ask.policy is not None:
            headers.append((POLICY_HEADER.lower().encode(), ask.policy.encode()))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def clocked(
    clock: Clock, admission: Admission, budget_s: float, state: Mapping[str, float]
) -> Deadline:
    """Start a request's clock, and settle whether there is room for it.

    The budget runs from the first byte, and from before it while nobody looked: the loop's lag is
    the last one measured, and counts for at most half of the budget. Whether there is room depends
    on how long the request waited for us alone: a client that dawdles over its own head spends its
    own budget, and says nothing of how busy this worker is. ``state`` is what
    :class:`services.web.protocol.PatientProtocol` left in the scope.
    """
    now = clock.monotonic()
    unseen_s = min(admission.lag_s, budget_s / 2)
    has_room = admission.admits(max(now - state.get("due", now), 0.0))
    inside_s = max(now - state.get("arrived", now), 0.0)
    return Deadline(clock, budget_s, waited_s=inside_s + unseen_s, has_room=has_room)


def _server_timing(deadline: Deadline) -> Header:
    """Say how long each step took, in milliseconds (W3C Server Timing)."""
    steps = ", ".join([f"{name};dur={seconds * 1000:.3f}" for name, seconds in deadline.laps])
    return b"server-timing", steps.encode()
