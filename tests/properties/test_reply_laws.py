"""The generator's hand-written check of a reply accepts what OpenAPI describes, and nothing else."""

from typing import Any

import jsonschema
import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import JsonValue, ValidationError

from loadtests.reply import DEGRADED, RUNGS, explain, fits
from maitred.client import Recommendation
from services.inference.described import RecommendationReply

SCHEMA = RecommendationReply.model_json_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

numbers = st.one_of(
    st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False)
)
texts = st.text(max_size=8)
reasons = st.fixed_dictionaries({"code": texts, "text": texts, "contribution": numbers})
items = st.fixed_dictionaries(
    {
        "restaurant_id": texts,
        "rank": st.integers(1, 100),
        "score": numbers,
        "propensity": st.one_of(st.floats(0, 1), st.sampled_from([0, 1])),
    },
    optional={"reasons": st.lists(reasons, max_size=2)},
)
replies = st.fixed_dictionaries(
    {
        "request_id": texts,
        "model_version": st.none() | texts,
        "objective": st.sampled_from(["clicks", "revenue", "balanced"]),
        "revenue_weight": st.none() | numbers,
        "experiment": st.none() | texts,
        "arm": st.none() | texts,
        "rung": st.sampled_from(RUNGS),
        "degraded": st.none() | st.sampled_from(DEGRADED),
        "took_ms": numbers,
        "filtered": st.dictionaries(texts, st.integers(-5, 1000), max_size=3),
        "items": st.lists(items, max_size=3),
    }
)
anything = st.one_of(
    st.none(),
    st.booleans(),
    numbers,
    texts,
    st.sampled_from([*RUNGS, *DEGRADED, 0, 1, -1, 1.0, 1.5, "1", "clicks"]),
    st.lists(numbers, max_size=2),
    st.dictionaries(texts, numbers, max_size=2),
)


def places(value: JsonValue, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value, itself included."""
    found = [path]
    if isinstance(value, dict):
        found += [p for name, part in value.items() for p in places(part, (*path, name))]
    elif isinstance(value, list):
        found += [p for at, part in enumerate(value) for p in places(part, (*path, at))]
    return found


@st.composite
def mutated(draw: st.DrawFn) -> JsonValue:
    """A reply with something replaced, left out or added, up to three times."""
    reply: Any = draw(replies)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(places(reply)))
        if not path:
            continue
        parent = reply
        for step in path[:-1]:
            parent = parent[step]
        match draw(st.sampled_from(["replace", "drop", "add"])):
            case "replace":
                parent[path[-1]] = draw(anything)
            case "drop":
                del parent[path[-1]]
            case _ if isinstance(parent, dict):
                parent[draw(st.sampled_from(["extra", "reasons", "cursor"]))] = draw(anything)
    return reply


def is_described(body: bytes) -> bool:
    """What the service's own model says, strictly: no text for a number, no unknown member."""
    try:
        RecommendationReply.model_validate_json(body, strict=True)
    except ValidationError:
        return False
    return True


@given(replies)
def test_every_reply_of_the_schema_fits(reply: dict[str, Any]) -> None:
    body = orjson.dumps(reply)

    assert fits(orjson.loads(body))
    assert is_described(body)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(mutated())
@example([])
@example({"items": []})
def test_what_fits_is_what_openapi_describes(reply: JsonValue) -> None:
    body = orjson.dumps(reply)

    fitting = fits(orjson.loads(body))

    assert fitting == is_described(body), explain(body)
    if fitting:
        assert VALIDATOR.is_valid(reply)
        Recommendation.model_validate_json(body)
    else:
        assert explain(body)


def whole_reply() -> dict[str, Any]:
    """A reply in which every part of the schema occurs."""
    return {
        "request_id": "q", "model_version": "v", "objective": "clicks", "revenue_weight": 0.5,
        "experiment": "e", "arm": "a", "rung": "popular", "degraded": "store", "took_ms": 1.5,
        "filtered": {"cuisine": 3},
        "items": [
            {"restaurant_id": "r1", "rank": 1, "score": -1.5, "propensity": 0.5,
             "reasons": [{"code": "c", "text": "t", "contribution": -1.5}]},
            {"restaurant_id": "r2", "rank": 2, "score": -2, "propensity": 1},
        ],
    }  # fmt: skip


PROBES: list[Any] = [
    None, True, 0, 1, -1, 2, 1.0, 1.5, -0.5, 1.0001, "", "x", "clicks", "static", "store", [],
    {}, [1], {"a": 1}, {"a": 1.5}, [None], [{}],
]  # fmt: skip


@pytest.mark.parametrize("path", [p for p in places(whole_reply()) if p], ids=str)
def test_each_part_takes_what_openapi_lets_it_take_and_cannot_be_left_out(
    path: tuple[Any, ...],
) -> None:
    def changed(*value: JsonValue) -> dict[str, Any]:
        reply: Any = whole_reply()
        parent = reply
        for step in path[:-1]:
            parent = parent[step]
        if value:
            parent[path[-1]] = value[0]
        else:
            del parent[path[-1]]
        if value == ("more",) and isinstance(parent, dict):
            parent["more"] = 1
        return reply  # type: ignore[no-any-return]

    for reply in [changed(), changed("more"), *map(changed, PROBES)]:
        assert fits(reply) == is_described(orjson.dumps(reply)), reply


@pytest.mark.parametrize("name", sorted(SCHEMA["required"]))
def test_a_reply_without_one_of_its_members_does_not_fit(name: str) -> None:
    whole = whole_reply()
    assert fits(whole)

    del whole[name]

    assert not fits(whole)
    assert explain(orjson.dumps(whole)).startswith(name)
