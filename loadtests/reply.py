"""The whole schema of a reply, checked by hand: a generator shares its machine with the service.

pydantic takes several times as long as parsing the JSON; these comparisons take about as long. What
they accept is exactly what the service's own OpenAPI describes (`services.inference.described`); a
test holds the two together with mutated replies, so that neither can drift. Only a reply that is
wrong is shown to pydantic, for words.
"""

from typing import Any

from pydantic import ValidationError

from services.inference.described import RecommendationReply

__all__ = ["DEGRADED", "RUNGS", "explain", "fits"]

RUNGS = ("personalised", "segment", "popular", "static")
"""Best first."""

DEGRADED = ("deadline", "overload", "store", "no_model", "internal")

_RUNGS, _DEGRADED = frozenset(RUNGS), frozenset({None, *DEGRADED})
_OBJECTIVES = frozenset({"clicks", "revenue", "balanced"})
_MEMBERS = frozenset(
    {
        "request_id", "model_version", "objective", "revenue_weight", "experiment", "arm", "rung",
        "degraded", "took_ms", "filtered", "items",
    }
)  # fmt: skip
_ITEM = frozenset({"restaurant_id", "rank", "score", "propensity"})
_EXPLAINED = _ITEM | {"reasons"}
_REASON = frozenset({"code", "text", "contribution"})


def fits(reply: Any) -> bool:  # noqa: ANN401  # whatever JSON said
    """Whether decoded JSON is a reply: every member there, none unknown, each in its domain."""
    return (
        type(reply) is dict
        and reply.keys() == _MEMBERS
        and type(reply["request_id"]) is str
        and _is_choice(reply["rung"], _RUNGS)
        and _is_choice(reply["degraded"], _DEGRADED)
        and _is_choice(reply["objective"], _OBJECTIVES)
        and _is_number(reply["took_ms"])
        and _fit_options(reply)
        and _is_counts(reply["filtered"])
        and type(reply["items"]) is list
        and all(map(_is_item, reply["items"]))
    )


def explain(body: bytes) -> str:
    """Say where a reply leaves the schema, as ``items.3.rank: …``."""
    try:
        RecommendationReply.model_validate_json(body, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        return f"{where}: {first['msg']}"
    return "a whole number beyond 64 bits"


def _is_choice(value: object, choices: frozenset[Any]) -> bool:
    return (value is None or type(value) is str) and value in choices


def _is_number(value: object) -> bool:
    kind = type(value)
    return kind is float or kind is int  # orjson lets no NaN and no infinity in


def _is_text_or_none(value: object) -> bool:
    return value is None or type(value) is str


def _fit_options(reply: dict[str, Any]) -> bool:
    weight = reply["revenue_weight"]
    return (
        (weight is None or _is_number(weight))
        and _is_text_or_none(reply["model_version"])
        and _is_text_or_none(reply["experiment"])
        and _is_text_or_none(reply["arm"])
    )


def _is_counts(value: object) -> bool:
    return type(value) is dict and (
        not value or all(type(count) is int for count in value.values())
    )


def _is_item(item: Any) -> bool:  # noqa: ANN401  # whatever JSON said
    if type(item) is not dict:
        return False
    names = item.keys()
    if names != _ITEM and (names != _EXPLAINED or not _are_reasons(item["reasons"])):
        return False
    rank, chance, score = item["rank"], item["propensity"], item["score"]
    return (
        type(item["restaurant_id"]) is str
        and type(rank) is int
        and rank >= 1
        and _is_number(chance)
        and 0 <= chance <= 1
        and _is_number(score)
    )


def _are_reasons(reasons: object) -> bool:
    return type(reasons) is list and all(
        type(reason) is dict
        and reason.keys() == _REASON
        and type(reason["code"]) is str
        and type(reason["text"]) is str
        and _is_number(reason["contribution"])
        for reason in reasons
    )
