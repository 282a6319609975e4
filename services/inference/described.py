"""How OpenAPI describes recommendations; the endpoint itself is read and written by hand."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.inference.parameters import PARAMETERS, Parameter

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


def add_to(document: dict[str, Any]) -> None:
    """Put the recommendations' path and schema into an OpenAPI document."""
    template = "#/components/schemas/{model}"
    schema = RecommendationReply.model_json_schema(ref_template=template)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(schema.pop("$defs", {}))
    schemas["RecommendationReply"] = schema
    document["paths"] = {PATH: {"get": _get(), "post": _post()}} | document["paths"]


def _operation(summary: str, name: str) -> dict[str, Any]:
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    reply = {"$ref": "#/components/schemas/RecommendationReply"}
    return {
        "tags": ["recommendations"],
        "summary": summary,
        "description": "Whatever is broken behind the service, a valid request gets a list, and "
        "`rung` and `degraded` say how good it is.",
        "operationId": name,
        "responses": {
            "200": {
                "description": "The list.",
                "content": {"application/json": {"schema": reply, "example": _EXAMPLE}},
            },
            "422": {"description": "An input outside its domain.", "content": problem},
        },
    }


def _get() -> dict[str, Any]:
    examples = {"user_id": "u42", "lat": 41.88, "lon": -87.63, "radius_km": 5, "cuisine": ["thai"]}
    parameters = [
        {
            "name": p.name,
            "in": "query",
            "required": False,
            "description": p.description,
            "schema": schema_of(p),
        }
        | ({"example": examples[p.name]} if p.name in examples else {})
        for p in PARAMETERS.values()
        if p.in_query
    ]
    return _operation("Recommend restaurants", "recommend") | {"parameters": parameters}


def _post() -> dict[str, Any]:
    schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            p.name: {"description": p.description, **schema_of(p)} for p in PARAMETERS.values()
        },
    }
    example = {
        "user_id": "u42",
        "k": 5,
        "history": ["r00442"],
        "context": {"local_time": "2026-05-01T19:30:00"},
        "explain": True,
    }
    body = {
        "required": True,
        "content": {"application/json": {"schema": schema, "example": example}},
    }
    return _operation("Recommend, with history and context", "recommend_with_context") | {
        "requestBody": body
    }


def schema_of(parameter: Parameter) -> dict[str, Any]:
    """Return a parameter's JSON schema."""
    if not parameter.limit:
        return parameter.schema
    return {"type": "array", "items": parameter.schema, "maxItems": parameter.limit}
