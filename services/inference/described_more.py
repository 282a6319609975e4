"""How OpenAPI describes batches, similar and popular restaurants."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from services.inference import described
from services.inference.described import PATH, ReasonReply
from services.inference.parameters import PARAMETERS
from services.inference.paths import BATCH, DIAL, FILTERS, MAX_DINERS, POPULAR, SIMILAR
from services.web.problems import PROBLEMS

__all__ = ["BatchReply", "PopularReply", "SimilarReply", "add_to"]

_Document = dict[str, Any]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class BatchReply(_Part):
    """One reply a diner, in input order."""

    replies: list[described.RecommendationReply]
    took_ms: float


class LookupItem(_Part):
    """One restaurant; no propensity, for nothing was drawn."""

    restaurant_id: str
    rank: int
    score: float
    reasons: list[ReasonReply] = []


class SimilarReply(_Part):
    """What is like a restaurant.

    The whole part of a score says by what: 2 chosen together, 1 similar taste, 0 of the same kind.
    """

    restaurant_id: str
    model_version: str
    filtered: dict[str, int]
    items: list[LookupItem]


class PopularReply(_Part):
    """What all diners choose; the score is the log share of choices plus weight · log value."""

    model_version: str | None
    objective: Literal["clicks", "revenue", "balanced"]
    revenue_weight: float | None
    filtered: dict[str, int]
    items: list[LookupItem]


def add_to(document: _Document) -> None:
    """Put all that FastAPI does not know of into an OpenAPI document."""
    described.add_to(document)
    schemas = document["components"]["schemas"]
    for model in (BatchReply, SimilarReply, PopularReply):
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        parts = schema.pop("$defs", {})
        schemas |= {name: part for name, part in parts.items() if name not in schemas}
        schemas[model.__name__] = schema
    document["paths"] = {
        PATH: document["paths"][PATH],
        BATCH: {"post": _batch(document)},
        SIMILAR: {"get": _similar()},
        POPULAR: {"get": _popular()},
    } | document["paths"]


def _operation(summary: str, name: str, reply: str, *, cached: bool) -> _Document:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{reply}"}}}
    responses: _Document = {
        "200": {"description": "The list.", "headers": described.VERSIONED, "content": content},
        **{str(status): problem for status, problem in PROBLEMS.items()},
    }
    if cached:
        named = {"schema": {"type": "string"}, "description": "Names this content."}
        responses["200"]["headers"] = described.VERSIONED | {
            "ETag": named,
            "Cache-Control": {"schema": {"type": "string"}},
        }
        responses["304"] = {"description": "If-None-Match names what is still true."}
    return {"tags": ["recommendations"], "summary": summary, "operationId": name,
            "responses": responses}  # fmt: skip


def _batch(document: _Document) -> _Document:
    single = document["paths"][PATH]["post"]["requestBody"]["content"]["application/json"]["schema"]
    diners = {"type": "array", "items": single, "minItems": 1, "maxItems": MAX_DINERS}
    schema = single | {
        "properties": {"diners": diners, **single["properties"]},
        "required": ["diners"],
    }
    example = {
        "k": 5,
        "traffic": "preview",
        "diners": [{"user_id": "u42"}, {"user_id": "u43", "k": 3}],
    }
    return _operation(
        "Recommend to many diners", "recommend_batch", "BatchReply", cached=False
    ) | {
        "description": "Members at the top hold for every diner who does not say otherwise. The "
        "budget grows by half a millisecond a diner.",
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": schema, "example": example}},
        },
    }  # fmt: skip


def _parameters(names: tuple[str, ...]) -> list[_Document]:
    return [
        {
            "name": p.name,
            "in": "query",
            "required": False,
            "description": p.description,
            "schema": described.schema_of(p),
            "example": p.example,
        }
        for p in PARAMETERS.values()
        if p.name in names
    ]


def _similar() -> _Document:
    subject = {
        "name": "restaurant_id",
        "in": "path",
        "required": True,
        "description": "Percent-encoded; a slash may stand as it is.",
        "schema": {"type": "string", "minLength": 1},
        "example": "r00442",
    }
    found = _operation("What is like a restaurant", "similar", "SimilarReply", cached=True)
    return found | {"parameters": [subject, *_parameters(FILTERS)]}


def _popular() -> _Document:
    found = _operation("What all diners choose", "popular", "PopularReply", cached=True)
    return found | {"parameters": _parameters(FILTERS + DIAL)}
