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
_MEMBERS, _ITEM_MEMBERS, _REASON_MEMBERS = 11, 4, 3
"""How many there are: with every known one there and no more, none is unknown."""


def fits(reply: Any) -> bool:  # noqa: ANN401  # whatever JSON said
    """Whether decoded JSON is a reply: every member there, none unknown, each in its domain."""
    try:
        return (
            type(reply) is dict
            and (len(reply) == _MEMBERS or _is_page(reply))
            and type(reply["request_id"]) is str
            and reply["rung"] in _RUNGS
            and reply["degraded"] in _DEGRADED
            and reply["objective"] in _OBJECTIVES
            and _is_number(reply["took_ms"])
            and _fit_options(reply)
            and _are_counts(reply["filtered"])
            and _are_items(reply["items"])
        )
    except (KeyError, TypeError):  # a member that is not there; a list where a choice should be
        return False


def _is_page(reply: dict[str, Any]) -> bool:
    """Whether a reply has one member more, the cursor that only pages have."""
    return len(reply) == _MEMBERS + 1 and _is_text_or_none(reply["cursor"])


def explain(body: bytes) -> str:
    """Say where a reply leaves the schema, as ``items.3.rank: …``."""
    try:
        RecommendationReply.model_validate_json(body, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        return f"{where}: {first['msg']}"
    return "a whole number beyond 64 bits"


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


def _are_counts(value: object) -> bool:
    return type(value) is dict and (
        not value or all(type(count) is int for count in value.values())
    )


def _are_items(items: object) -> bool:
    """Check a list's items in one loop: a call for each member of each would cost more than all else."""
    if type(items) is not list:
        return False
    for item in items:
        if len(item) != _ITEM_MEMBERS and not _is_explained(item):
            return False
        rank, score, chance = item["rank"], item["score"], item["propensity"]
        if not (
            type(item["restaurant_id"]) is str
            and type(rank) is int
            and rank >= 1
            and (type(score) is float or type(score) is int)
            and (type(chance) is float or type(chance) is int)
            and 0 <= chance <= 1
        ):
            return False
    return True


def _is_explained(item: dict[str, Any]) -> bool:
    reasons = item["reasons"]
    return (
        len(item) == _ITEM_MEMBERS + 1
        and type(reasons) is list
        and all(
            len(reason) == _REASON_MEMBERS
            and type(reason["code"]) is str
            and type(reason["text"]) is str
            and _is_number(reason["contribution"])
            for reason in reasons
        )
    )
