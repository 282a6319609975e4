"""What diners did and what they were shown, as it travels; every version decodes for ever.

Pure: bytes in, validated values out. The JSON on the wire is the contract, see docs/events.md.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

import orjson
from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
)

from maitred.errors import InvalidEvent
from maitred.ids import MAX_ID_CHARS

__all__ = [
    "SCHEMA_VERSION",
    "Click",
    "DinerEvent",
    "Dismiss",
    "Erase",
    "Event",
    "Impression",
    "Order",
    "OrderChanged",
    "PoolItem",
    "Seen",
    "ShownItem",
    "Traffic",
    "decode",
    "diner_event_schema",
    "encode",
    "parse",
]

SCHEMA_VERSION = 1

MAX_EVENT_ID_CHARS = 64
MAX_LIST = 100
MAX_POOL = 500

Identifier = Annotated[str, Field(min_length=1, max_length=MAX_ID_CHARS)]
Minor = Annotated[int, Field(ge=0, le=10**12)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class Traffic(StrEnum):
    """Who made a request or event; what is learned reads only the kinds it names."""

    LIVE = "live"
    REPLAY = "replay"
    SIMULATED = "simulated"
    LOAD = "load"
    PREVIEW = "preview"
    WARMUP = "warmup"


class _Border(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Event(_Border):
    """What every event says."""

    schema_version: Literal[1] = 1
    event_id: Annotated[str, Field(min_length=1, max_length=MAX_EVENT_ID_CHARS)]
    user_id: Identifier
    occurred_at: AwareDatetime
    traffic: Traffic = Traffic.LIVE
    consent: bool = True
    request_id: Identifier | None = None


class Click(_Event):
    """A diner looked at a restaurant."""

    type: Literal["click"] = "click"
    restaurant_id: Identifier


class Order(_Event):
    """A diner chose a restaurant; ``platform_revenue_minor`` is what the house earns of it."""

    type: Literal["order"] = "order"
    restaurant_id: Identifier
    order_id: Identifier
    basket_minor: Minor
    platform_revenue_minor: Minor | None = None
    currency: Currency


class OrderChanged(_Event):
    """An order was cancelled, refunded or adjusted; amounts are the new ones."""

    type: Literal["order_changed"] = "order_changed"
    restaurant_id: Identifier
    order_id: Identifier
    change: Literal["cancelled", "refunded", "adjusted"]
    basket_minor: Minor | None = None
    platform_revenue_minor: Minor | None = None
    currency: Currency | None = None


class Dismiss(_Event):
    """A diner does not want to see a restaurant."""

    type: Literal["dismiss"] = "dismiss"
    restaurant_id: Identifier


class Seen(_Event):
    """Ranks of an impression that were visible on the client."""

    type: Literal["seen"] = "seen"
    ranks: Annotated[list[Annotated[int, Field(ge=1, le=MAX_LIST)]], Field(max_length=MAX_LIST)]


class Erase(_Event):
    """A diner asks to be forgotten."""

    type: Literal["erase"] = "erase"


class ShownItem(_Border):
    """One restaurant of a served list; ranks start at 1."""

    restaurant_id: Identifier
    rank: Annotated[int, Field(ge=1, le=MAX_LIST)]
    propensity: Annotated[float, Field(ge=0, le=1)]


class PoolItem(_Border):
    """One restaurant that could have been shown, with log p̂(choice) and log value."""

    restaurant_id: Identifier
    log_p: float
    log_v: float


class Impression(_Event):
    """What was served, by which policy, with the probability of each place in the list."""

    type: Literal["impression"] = "impression"
    items: Annotated[list[ShownItem], Field(max_length=MAX_LIST)]
    pool: Annotated[list[PoolItem], Field(max_length=MAX_POOL)] = []
    model_version: str | None = None
    policy: str
    arm: str | None = None
    rung: Literal["personalised", "segment", "popular", "static"]
    revenue_weight: Annotated[float, Field(ge=0, le=1)] | None = None
    temperature: Annotated[float, Field(ge=0)] = 0.0
    seed: int = 0


type_of = Field(discriminator="type")
Event = Annotated[Click | Order | OrderChanged | Dismiss | Seen | Erase | Impression, type_of]
DinerEvent = Annotated[Click | Order | OrderChanged | Dismiss | Seen | Erase, type_of]
"""What a client may send; impressions come from inference only."""

_events: TypeAdapter[Event] = TypeAdapter(Event)
_diner_events: TypeAdapter[DinerEvent] = TypeAdapter(DinerEvent)


def parse(record: object, *, from_client: bool = True) -> Event:
    """Check one decoded JSON object.

    Raises:
        InvalidEvent: with a (field, reason) for each fault.
    """
    adapter: TypeAdapter[Event] | TypeAdapter[DinerEvent]
    adapter = _diner_events if from_client else _events
    try:
        return adapter.validate_python(record)
    except ValidationError as error:
        raise _invalid(error) from error


def diner_event_schema(ref_template: str) -> dict[str, Any]:
    """Return the JSON schema of what a client may send, with ``$defs``."""
    return _diner_events.json_schema(ref_template=ref_template)


def decode(raw: bytes) -> Event:
    """Read one event of any known version from the log.

    Raises:
        InvalidEvent: if the bytes are not JSON or not an event.
    """
    try:
        return _events.validate_json(raw)
    except ValidationError as error:
        raise _invalid(error) from error


def encode(event: Event) -> bytes:
    """Return the event as canonical JSON: equal events give equal bytes."""
    return orjson.dumps(event, default=_fields, option=orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z)


def _fields(model: object) -> dict[str, Any]:
    """Return a model's fields as they are, for orjson to write: half the time of a dump."""
    if isinstance(model, BaseModel):
        return model.__dict__
    raise TypeError


def _invalid(error: ValidationError) -> InvalidEvent:
    fields = tuple(
        (".".join(str(part) for part in e["loc"]) or "event", e["msg"]) for e in error.errors()
    )
    name, reason = fields[0]
    return InvalidEvent(f"not an event: {name}: {reason}", fields=fields)


def age_s(event: Event, now: datetime) -> float:
    """Return how long ago the event happened, in seconds; negative in the future."""
    return (now - event.occurred_at).total_seconds()
