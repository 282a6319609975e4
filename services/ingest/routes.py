"""``POST /v1/events``: the door for what diners did. It needs no key, but for erasing somebody."""

import orjson
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from maitred.errors import InvalidEvent, InvalidInput, TooLarge
from services.ingest.deps import Dependencies
from services.ingest.intake import Verdict
from services.ingest.schemas import MAX_EVENTS, PATH, SCHEMAS, Reply
from services.web.parameters import no_unknown_parameters
from services.web.responses import JsonResponse

__all__ = ["router"]

router = APIRouter(tags=["events"], dependencies=[Depends(no_unknown_parameters)])


@router.post(
    PATH,
    status_code=202,
    response_model=Reply,
    summary="Take what diners did",
    description="One event, or `{'events': [...]}` of up to 500. What is called accepted is durable "
    "and will be in the archive exactly once; send again what got no reply.",
)
async def take_events(request: Request) -> Response:
    """Judge, publish, answer; a lone bad event is refused as a whole."""
    dependencies: Dependencies = request.app.state.dependencies
    body = _decoded(await request.body())
    may_erase = dependencies.admin.is_in(request)
    if not (isinstance(body, dict) and "events" in body):
        [verdict] = await dependencies.intake.take([body], may_erase=may_erase)
        if verdict.status == "rejected":
            msg = f"not accepted: {verdict.reason}"
            step = f"correct it and send it again; {SCHEMAS} describes an event"
            raise InvalidEvent(msg, fields=verdict.faults, next_step=step)
        return _reply([verdict])
    return _reply(await dependencies.intake.take(_listed(body), may_erase=may_erase))


def _decoded(raw: bytes) -> object:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        msg = f"the body is not JSON: {error}"
        raise InvalidInput(
            msg,
            fields=(("body", str(error)),),
            next_step=f"send one event or {{'events': [...]}}; {SCHEMAS} describes an event",
        ) from error


def _listed(body: dict[str, object]) -> list[object]:
    unknown = sorted(body.keys() - {"events"})
    if unknown:
        reason = "unknown field"
        msg = f"unknown fields beside events: {', '.join(unknown)}"
        raise InvalidInput(msg, fields=tuple((name, reason) for name in unknown))
    events = body["events"]
    if not isinstance(events, list) or not events:
        reason = "must be a list with at least one event"
        msg = f"events: {reason}"
        raise InvalidInput(msg, fields=(("events", reason),))
    if len(events) > MAX_EVENTS:
        reason = f"{len(events)} events, and at most {MAX_EVENTS} go into one call"
        msg = f"events: {reason}"
        raise TooLarge(msg, fields=(("events", reason),), next_step="send several calls")
    return events


def _reply(verdicts: list[Verdict]) -> Response:
    results = [{"event_id": v.event_id, "status": v.status, "reason": v.reason} for v in verdicts]
    return JsonResponse({"results": results}, 202)
