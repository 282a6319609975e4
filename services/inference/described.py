"""How OpenAPI describes recommendations; the endpoint itself is read and written by hand."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.inference.parameters import PARAMETERS, Parameter
from services.inference.paths import CATALOGUE_VERSION
from services.inference.policies import POLICY_HEADER
from services.web.problems import PROBLEMS

__all__ = ["PATH", "ReasonReply", "RecommendationReply", "add_to", "schema_of"]

PATH = "/v1/recommendations"

_EXAMPLE: dict[str, Any] = {
    "request_id": "req-1",
    "model_version": "clicks-0123456789ab",
    "objective": "clicks",
    "revenue_weight": 0.25,
    "experiment": None,
    "arm": None,
    "rung": "personalised",
    "degraded": None,
    "took_ms": 1.7,
    "filtered": {"open_at": 12},
    "items": [
        {
            "restaurant_id": "r00442",
            "rank": 1,
            "score": -1.75,
            "propensity": 0.61,
            "reasons": [
                {"code": "your_own", "text": "You have been here before", "contribution": 2.5},
                {"code": "pool", "text": "Compared with all others", "contribution": -4.25},
            ],
        }
    ],
}


_ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "a stranger": (
        "Somebody without an id whose client knows where they have been",
        {
            "k": 5,
            "history": ["r00442"],
            "context": {"local_time": "2026-05-01T19:30:00"},
            "explain": True,
        },
    ),
    "dinner tonight": (
        "A named policy, and a place",
        {"user_id": "u42", "policy": "dinner-tonight", "lat": 41.88, "lon": -87.63},
    ),
    "something else": (
        "Only what the diner does not know, of many kinds, in pages",
        {"user_id": "u42", "seen": "mask", "max_per_cuisine": 2, "cursor": "start"},
    ),
    "filters": (
        "Near, open now, of a cuisine, with an attribute, not too dear",
        {
            "user_id": "u42",
            "lat": 41.88,
            "lon": -87.63,
            "radius_km": 5,
            "open_at": "now",
            "cuisine": ["Thai"],
            "attribute": ["Parking/Valet"],
            "price_max": 2,
        },
    ),
}
"""Requests to copy: the test of the service's own document sends each of them."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ReasonReply(_Part):
    """One term of a score; the terms of an item add up to it."""

    code: str
    text: str
    contribution: float


class ItemReply(_Part):
    """One restaurant of the list."""

    restaurant_id: str
    rank: Annotated[int, Field(ge=1)]
    score: float
    """log p̂(choice) + w · log value."""
    propensity: Annotated[float, Field(ge=0, le=1)]
    """Chance of this restaurant at this rank, given those above it."""
    reasons: list[ReasonReply] = []


VERSIONED: dict[str, Any] = {
    CATALOGUE_VERSION: {
        "description": "Until which change of restaurants the reply is true; empty before the "
        "first model.",
        "schema": {"type": "string"},
    }
}
"""The header that all lists carry."""


class RecommendationReply(_Part):
    """A list, and where it comes from."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_EXAMPLE]})

    request_id: str
    model_version: str | None
    objective: Literal["clicks", "revenue", "balanced"]
    revenue_weight: float | None
    experiment: str | None
    arm: str | None
    rung: Literal["personalised", "segment", "popular", "static"]
    degraded: Literal["deadline", "overload", "store", "no_model", "internal"] | None
    took_ms: float
    filtered: dict[str, int]
    items: list[ItemReply]
    cursor: str | None = None
    """Of the next page; null: there is none. Only in replies to requests with a cursor."""


def add_to(document: dict[str, Any]) -> None:
    """Put the recommendations' path and schema into an OpenAPI document."""
    template = "#/components/schemas/{model}"
    schema = RecommendationReply.model_json_schema(ref_template=template)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(schema.pop("$defs", {}))
    schemas["RecommendationReply"] = schema
    document["paths"] = {PATH: {"get": _get(), "post": _post()}} | document["paths"]


def _operation(summary: str, name: str) -> dict[str, Any]:
    reply = {"$ref": "#/components/schemas/RecommendationReply"}
    policy = {"description": "The named policy that was used.", "schema": {"type": "string"}}
    return {
        "tags": ["recommendations"],
        "summary": summary,
        "description": "Whatever is broken behind the service, a valid request gets a list, and "
        "`rung` and `degraded` say how good it is.",
        "operationId": name,
        "responses": {
            "200": {
                "description": "The list.",
                "headers": VERSIONED | {POLICY_HEADER: policy},
                "content": {"application/json": {"schema": reply, "example": _EXAMPLE}},
            },
            **PROBLEMS,
        },
    }


def _get() -> dict[str, Any]:
    parameters = [
        {
            "name": p.name,
            "in": "query",
            "required": False,
            "description": p.description,
            "schema": schema_of(p),
            "example": p.example,
        }
        for p in PARAMETERS.values()
        if p.in_query
    ]
    return _operation("Recommend restaurants", "recommend") | {"parameters": parameters}


def _post() -> dict[str, Any]:
    schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {p.name: _member(p) for p in PARAMETERS.values()},
    }
    examples = {
        name: {"summary": summary, "value": value} for name, (summary, value) in _ASKED.items()
    }
    body = {
        "required": True,
        "content": {"application/json": {"schema": schema, "examples": examples}},
    }
    return _operation("Recommend, with history and context", "recommend_with_context") | {
        "requestBody": body
    }


def _member(parameter: Parameter) -> dict[str, Any]:
    schema = schema_of(parameter)
    said = {"description": parameter.description, "examples": [parameter.example]}
    if "enum" in schema:
        schema = schema | {"enum": [*schema["enum"], None]}
    return schema | {"type": [schema["type"], "null"]} | said  # null is the same as absent


def schema_of(parameter: Parameter) -> dict[str, Any]:
    """Return a parameter's JSON schema."""
    if not parameter.limit:
        return dict(parameter.schema)
    return {"type": "array", "items": dict(parameter.schema), "maxItems": parameter.limit}
