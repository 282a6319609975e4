"""What is refused, how, and that it names what is wrong."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.inference import RECOMMENDATIONS, LiveInference

pytest_plugins = ["tests.support.served"]


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("k=0", ["k"]),
        ("k=1000000", ["k"]),
        ("k=ten", ["k"]),
        ("k=1&k=2", ["k"]),
        ("k=", ["k"]),
        ("objective=fame", ["objective"]),
        ("objective=clicks&revenue_weight=0.5", ["revenue_weight"]),
        ("revenue_weight=1.5", ["revenue_weight"]),
        ("revenue_weight=nan", ["revenue_weight"]),
        ("lat=nan&lon=1", ["lat"]),
        ("lat=1&lon=inf", ["lon"]),
        ("lat=91&lon=0", ["lat"]),
        ("lat=41.9", ["lat"]),
        ("lon=-87", ["lon"]),
        ("radius_km=2", ["radius_km"]),
        ("radius_km=-1&lat=1&lon=1", ["radius_km"]),
        ("price_max=0", ["price_max"]),
        ("open_at=soon", ["open_at"]),
        ("explain=maybe", ["explain"]),
        ("traffic=bots", ["traffic"]),
        ("user_id=", ["user_id"]),
        ("user_id=" + "x" * 129, ["user_id"]),
        ("cuisines=thai", ["cuisines"]),
        ("history=r01", ["history"]),
        ("k=0&cuisins=x&lat=1", ["cuisins", "k", "lat"]),
    ],
)
async def test_a_malformed_query_names_its_fields(
    inference: LiveInference, query: str, fields: list[str]
) -> None:
    reply = await inference.http.get(f"{RECOMMENDATIONS}?{query}")

    assert reply.status_code == 422
    assert reply.headers["content-type"] == "application/problem+json"
    assert sorted(error["field"] for error in reply.json()["errors"]) == sorted(fields)
    assert all(error["reason"] for error in reply.json()["errors"])


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"", ["body"]),
        (b"{", ["body"]),
        (b"[1]", ["body"]),
        (b'{"k": "10"}', ["k"]),
        (b'{"k": true}', ["k"]),
        (b'{"explain": 1}', ["explain"]),
        (b'{"exclude": "r01"}', ["exclude"]),
        (b'{"exclude": [1]}', ["exclude"]),
        (b'{"history": {}}', ["history"]),
        (b'{"context": {"local_time": "tea"}}', ["context"]),
        (b'{"context": {"deep": {}}}', ["context"]),
        (b'{"lat": NaN, "lon": 1}', ["body"]),
        (b'{"user": "u1"}', ["user"]),
    ],
)
async def test_a_malformed_body_names_its_fields(
    inference: LiveInference, body: bytes, fields: list[str]
) -> None:
    reply = await inference.http.post(RECOMMENDATIONS, content=body)

    assert reply.status_code == 422
    assert [error["field"] for error in reply.json()["errors"]] == fields


async def test_a_post_takes_no_query_parameters(inference: LiveInference) -> None:
    reply = await inference.http.post(f"{RECOMMENDATIONS}?k=3", json={})

    assert reply.status_code == 422
    assert reply.json()["errors"] == [{"field": "k", "reason": "belongs into the body"}]


async def test_null_in_a_body_is_the_same_as_absent(inference: LiveInference) -> None:
    reply = await inference.post(user_id=None, k=None, lat=None)

    assert len(reply["items"]) == 10


async def test_a_body_of_ten_megabytes_is_refused(inference: LiveInference) -> None:
    reply = await inference.http.post(RECOMMENDATIONS, content=b"x" * 10_000_000)

    assert reply.status_code == 413
    assert reply.json()["errors"][0]["field"] == "body"


async def test_a_body_that_hides_its_length_is_refused_before_it_ends(
    inference: LiveInference,
) -> None:
    read = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(100):
            read += 1
            yield b"x" * 100_000

    reply = await inference.http.post(RECOMMENDATIONS, content=chunks())

    assert reply.status_code == 413
    assert read < 15


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/recommendations", 404),
        ("DELETE", RECOMMENDATIONS, 405),
        ("GET", "/v1/restaurants/r01?deep=1", 422),
        ("GET", "/v1/models", 401),
        ("POST", "/v1/models/x/promote", 401),
        ("POST", "/v1/models/rollback", 401),
    ],
)
async def test_other_refusals_are_problems_as_well(
    inference: LiveInference, method: str, path: str, status: int
) -> None:
    reply = await inference.http.request(method, path)

    assert reply.status_code == status
    assert reply.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = reply.json()
    assert problem["status"] == status
    assert problem["detail"]


@pytest.mark.parametrize(
    "time", ["2026-05-01T19:00", "2026-05-01T19:00:00Z", "2026-05-01T19:00:00+02:00"]
)
async def test_times_come_with_and_without_offset(inference: LiveInference, time: str) -> None:
    encoded = await inference.http.get(RECOMMENDATIONS, params={"open_at": time})
    raw = await inference.http.get(f"{RECOMMENDATIONS}?open_at={time}")  # its + reads as a blank

    assert (encoded.status_code, raw.status_code) == (200, 200)
    assert encoded.json()["items"] == raw.json()["items"]
