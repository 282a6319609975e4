"""The reply of ingest, and how OpenAPI describes its request, which is read by hand."""

from typing import Any, Final, Literal

from pydantic import BaseModel

from maitred.events import diner_event_schema

__all__ = ["MAX_EVENTS", "PATH", "EventResult", "Reply", "add_to"]

PATH: Final = "/v1/events"
MAX_EVENTS: Final = 500
"""Most events in one call."""


class EventResult(BaseModel):
    """What became of one event."""

    event_id: str | None
    """None when the event named none."""
    status: Literal["accepted", "duplicate", "too_old", "rejected"]
    reason: str | None = None
    """Which field is at fault, when it was rejected."""


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
