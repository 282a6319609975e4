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

from maitred.currencies import CODES
from maitred.errors import InvalidEvent
from maitred.event_rules import VERSIONS, faults_of
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

SCHEMA_VERSION = VERSIONS[-1]

MAX_EVENT_ID_CHARS = 64
MAX_LIST = 100
MAX_POOL = 500

# What only doors ask is said in the schema, and checked by `event_rules`: the log is read as it is.
_NO_NUL: dict[str, Any] = {"pattern": "^[^\\u0000]+$"}
_ISO_4217: dict[str, Any] = {"enum": sorted(CODES)}

Identifier = Annotated[str, Field(min_length=1, max_length=MAX_ID_CHARS, json_schema_extra=_NO_NUL)]
Minor = Annotated[int, Field(strict=True, ge=0, le=10**12)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", json_schema_extra=_ISO_4217)]
Rank = Annotated[int, Field(strict=True, ge=1, le=MAX_LIST)]


def _said(text: str) -> Any:  # noqa: ANN401  # what pydantic's Field returns
    return Field(description=text)


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

    schema_version: Annotated[Literal[1], _said("Of this description.")] = 1
    event_id: Annotated[
        str,
        Field(min_length=1, max_length=MAX_EVENT_ID_CHARS, json_schema_extra=_NO_NUL),
        _said("The client's own, unique for the diner; a repetition must have the same one."),
    ]
    user_id: Annotated[Identifier, _said("The diner.")]
    occurred_at: Annotated[AwareDatetime, _said("RFC 3339 with an offset; when it happened.")]
    traffic: Annotated[Traffic, _said("Who made it.")] = Traffic.LIVE
    consent: Annotated[
        bool,
        Field(strict=True),
        _said("False: archived, but it changes no list and is not trained on."),
    ] = True
    request_id: Annotated[
        Identifier | None, _said("The recommendation that it answers, if one was shown.")
    ] = None


class Click(_Event):
    """A diner looked at a restaurant."""

    type: Literal["click"] = "click"
    restaurant_id: Identifier


class Order(_Event):
    """A diner chose a restaurant; ``platform_revenue_minor`` is what the house earns of it."""

    type: Literal["order"] = "order"
    restaurant_id: Identifier
    order_id: Annotated[Identifier, _said("What changes of this order name it by.")]
    basket_minor: Annotated[Minor, _said("What the diner pays, in minor units (cents).")]
    platform_revenue_minor: Annotated[
        Minor | None, _said("What the platform earns of it; null where that is unknown.")
    ] = None
    currency: Annotated[Currency, _said("ISO 4217; XXX for an order of no known value.")]


class OrderChanged(_Event):
    """An order was cancelled, refunded or adjusted; amounts are the new ones."""

    type: Literal["order_changed"] = "order_changed"
    restaurant_id: Identifier
    order_id: Annotated[Identifier, _said("That of the order.")]
    change: Literal["cancelled", "refunded", "adjusted"]
    basket_minor: Annotated[Minor | None, _said("The new one; null: as it was.")] = None
    platform_revenue_minor: Annotated[
        Minor | None, _said("The new one; null: as it was, or 0 if cancelled or refunded.")
    ] = None
    currency: Currency | None = None


class Dismiss(_Event):
    """A diner does not want to see a restaurant."""

    type: Literal["dismiss"] = "dismiss"
    restaurant_id: Identifier


class Seen(_Event):
    """Ranks of an impression that were visible on the client."""

    type: Literal["seen"] = "seen"
    ranks: Annotated[list[Rank], Field(max_length=MAX_LIST), _said("Places of the list, from 1.")]


class Erase(_Event):
    """A diner asks to be forgotten: what came before is erased. Needs the admin key."""

    type: Literal["erase"] = "erase"


class ShownItem(_Border):
    """One restaurant of a served list; ranks start at 1."""

    restaurant_id: Identifier
    rank: Rank
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

_CLIENT_TYPES = ("click", "order", "order_changed", "dismiss", "seen", "erase")
_TYPES = (*_CLIENT_TYPES, "impression")

_events: TypeAdapter[Event] = TypeAdapter(Event)
_diner_events: TypeAdapter[DinerEvent] = TypeAdapter(DinerEvent)


def parse(record: object, *, from_client: bool = True) -> Event:
    """Check one decoded JSON object; of a client's, :mod:`maitred.event_rules` too.

    Raises:
        InvalidEvent: with a (field, reason) for each fault.
    """
    adapter: TypeAdapter[Event] | TypeAdapter[DinerEvent]
    adapter = _diner_events if from_client else _events
    if from_client and isinstance(record, dict) and (faults := faults_of(record)):
        msg = f"not an event: {faults[0][0]}: {faults[0][1]}"
        raise InvalidEvent(msg, fields=tuple(faults))
    try:
        return adapter.validate_python(record)
    except ValidationError as error:
        raise _invalid(error, from_client=from_client) from error


def diner_event_schema(ref_template: str) -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of what a client may send, with ``$defs``."""
    schema = _diner_events.json_schema(ref_template=ref_template)
    for part in schema["$defs"].values():
        if "type" in part.get("properties", {}):  # it has a default for Python, not on the wire
            part["required"] = sorted({*part["required"], "type"})
    return schema


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


def _invalid(error: ValidationError, *, from_client: bool = False) -> InvalidEvent:
    known = _CLIENT_TYPES if from_client else _TYPES
    fields = tuple(_fault(e["type"], e["loc"], e["msg"], known) for e in error.errors())
    name, reason = fields[0]
    return InvalidEvent(f"not an event: {name}: {reason}", fields=fields)


def _fault(
    kind: str, place: tuple[str | int, ...], message: str, known: tuple[str, ...]
) -> tuple[str, str]:
    """Say what is wrong with which field; pydantic puts the event's type before the field's name."""
    if kind.startswith("union_tag"):
        return "type", f"must be one of {', '.join(known)}"
    names = [str(part) for part in place[place[:1] != () and place[0] in _TYPES :]]
    is_shapeless = kind == "model_attributes_type"
    return ".".join(names) or "event", "must be a JSON object" if is_shapeless else message


def age_s(event: Event, now: datetime) -> float:
    """Return how long ago the event happened, in seconds; negative in the future."""
    return (now - event.occurred_at).total_seconds()
