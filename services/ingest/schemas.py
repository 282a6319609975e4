"""The reply of ingest, and how OpenAPI describes its request, which is read by hand."""

from typing import Any, Final, Literal

from pydantic import BaseModel

from maitred.events import diner_event_schema

__all__ = [
    "MAX_EVENTS",
    "PATH",
    "SCHEMAS",
    "USER",
    "EventResult",
    "Reply",
    "add_to",
    "described",
]

PATH: Final = "/v1/events"
SCHEMAS: Final = "/v1/events/schema"
USER: Final = "/v1/users/{user_id:path}"
"""Ids may hold a slash."""
MAX_EVENTS: Final = 500
"""Most events in one call."""


class EventResult(BaseModel):
    """What became of one event."""

    event_id: str | None
    """None when the event named none."""
    status: Literal["accepted", "duplicate", "too_old", "rejected"]
    reason: str | None = None
    """Which field is at fault, and what to do, when it was not accepted."""


class Reply(BaseModel):
    """One result per event, in the order sent."""

    results: list[EventResult]


_CLICK: Final[dict[str, Any]] = {
    "type": "click",
    "schema_version": 1,
    "event_id": "0d6f5a0c",
    "user_id": "u1",
    "restaurant_id": "r9",
    "request_id": None,
    "occurred_at": "2026-05-01T19:02:11+02:00",
    "traffic": "live",
    "consent": True,
}
_ORDER: Final[dict[str, Any]] = _CLICK | {
    "type": "order",
    "event_id": "0d6f5a0d",
    "order_id": "o77",
    "basket_minor": 2350,
    "platform_revenue_minor": None,
    "currency": "EUR",
}


_FORMS: Final = (
    _CLICK,
    _ORDER,
    _CLICK | {"type": "dismiss", "event_id": "0d6f5a0e"},
)


def described(version: int) -> dict[str, Any]:
    """Return the JSON Schema of a known version of events, as a document of its own."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:maitred:event:{version}",
        "title": f"What a client may send, version {version}",
        "description": "One event of POST /v1/events. An erase needs the admin key.",
        "examples": list(_FORMS),
        **diner_event_schema("#/$defs/{model}"),
    }


def add_to(document: dict[str, Any]) -> None:
    """Describe the request body: one event, or several under ``events``."""
    event = diner_event_schema("#/components/schemas/{model}")
    document["components"]["schemas"].update(event.pop("$defs", {}))
    document["components"]["schemas"]["DinerEvent"] = event
    one = {"$ref": "#/components/schemas/DinerEvent"}
    events = {"type": "array", "items": one, "minItems": 1, "maxItems": MAX_EVENTS}
    batch = {
        "type": "object",
        "properties": {"events": events},
        "required": ["events"],
        "additionalProperties": False,
    }
    examples = {
        "click": {"summary": "One event", "value": _CLICK},
        "batch": {"summary": "Several events", "value": {"events": [_CLICK, _ORDER]}},
    }
    content = {"schema": {"oneOf": [one, batch]}, "examples": examples}
    document["paths"][PATH]["post"]["requestBody"] = {
        "required": True,
        "content": {"application/json": content},
    }
