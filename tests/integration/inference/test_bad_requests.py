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
        ("delivers=true", ["delivers"]),
        ("delivers=true&lat=1", ["delivers", "lat"]),
        (
            "radius_km=1&delivers=1&objective=clicks&revenue_weight=1&lon=3",
            ["radius_km", "delivers", "revenue_weight", "lon"],
        ),
        ("radius_km=20041&lat=1&lon=1", ["radius_km"]),
        ("lat=9" + "9" * 400 + "&lon=1", ["lat"]),
        ("k=" + "9" * 5000, ["k"]),
        ("k=1_0", ["k"]),
        ("k=%EF%BC%91", ["k"]),  # a full-width one
        ("lat=4_1&lon=1", ["lat"]),
        ("lat=%201&lon=1", ["lat"]),
        ("price_max=1&price_max=2", ["price_max"]),
        ("seen=maybe", ["seen"]),
        ("max_per_cuisine=0", ["max_per_cuisine"]),
        ("policy=nowhere", ["policy"]),
        ("policy=", ["policy"]),
        ("cursor=", ["cursor"]),
        ("cursor=AQ", ["cursor"]),
        ("cursor=start&cursor=start", ["cursor"]),
        ("cursor=" + "A" * 4001, ["cursor"]),
        ("cuisine=", ["cuisine"]),
        ("&".join(["exclude=r01"] * 1001), ["exclude"]),
        ("user_id=%ED%A0%80", ["query"]),  # a lone surrogate
        ("user_id=%FF", ["query"]),
        ("open_at=0001-01-01T00:00Z", ["open_at"]),
        ("open_at=9999-12-31T23:59Z", ["open_at"]),
        ("open_at=2026-02-30T10:00", ["open_at"]),
        ("open_at=2026-05-01T25:00", ["open_at"]),
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
        (b'{"user_id": "\\ud800"}', ["body"]),
        (b'{"lat": 1e999, "lon": 1}', ["body"]),
        (b'{"k": 123456789012345678901234567890}', ["k"]),
        (b'{"delivers": "true", "lat": 1, "lon": 1}', ["delivers"]),
        (b'{"seen": true}', ["seen"]),
        (b'{"cursor": 1}', ["cursor"]),
        (b'{"attribute": "patio"}', ["attribute"]),
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


ODD_IDS = ["a/b", "ü", "店 ", "%2F", "\x00", "\N{PILE OF POO}" * 100, "'\"<&>", "..", "x" * 128]


@pytest.mark.parametrize("name", ODD_IDS)
async def test_any_text_is_an_id(inference: LiveInference, name: str) -> None:
    got = await inference.recommend(user_id=name, exclude=name, request_id=name)
    posted = await inference.post(user_id=name, exclude=[name], history=[name], request_id=name)

    assert got["request_id"] == posted["request_id"] == name
    assert len(got["items"]) == len(posted["items"]) == 10


async def test_a_restaurant_is_found_by_an_id_with_a_slash(inference: LiveInference) -> None:
    unknown = await inference.http.get("/v1/restaurants/a%2Fb")
    known = await inference.http.get("/v1/restaurants/r01")

    assert unknown.status_code == 404
    assert "'a/b'" in unknown.json()["detail"]
    assert known.json()["restaurant_id"] == "r01"


@pytest.mark.parametrize(
    ("lat", "lon"),
    [(90, 0), (-90, 0), (90, 180), (0, 180), (0, -180), (-0.0, -0.0), (41.88, -87.63)],
)
@pytest.mark.parametrize(("radius_km", "there"), [(0, {0, 1}), (1000, {0, 11}), (20_040, {11})])
async def test_every_place_and_every_radius_is_one(
    inference: LiveInference, lat: float, lon: float, radius_km: float, there: set[int]
) -> None:
    reply = await inference.recommend(user_id="u1", k=100, lat=lat, lon=lon, radius_km=radius_km)

    assert len(reply["items"]) in there
    assert reply["filtered"].get("radius_km", 0) == 12 - len(reply["items"])


async def test_five_hundred_exclusions_are_no_trouble(inference: LiveInference) -> None:
    reply = await inference.recommend(
        user_id="u1", k=100, exclude=[f"r{i:02}" for i in range(6)] + [f"no{i}" for i in range(494)]
    )

    assert len(reply["items"]) == 6
    assert reply["filtered"] == {"exclude": 6}


@pytest.mark.parametrize(
    ("open_at", "open_there"),
    [
        ("2026-03-08T02:30", False),  # a local time that Chicago's clocks jumped over
        ("2026-03-08T16:30Z", True),  # 11:30 summer time, hours begin at 11:00
        ("2026-03-08T15:30Z", False),
        ("2026-03-07T17:30Z", True),  # the day before: 11:30 winter time
        ("2026-03-07T16:30Z", False),
        ("2026-11-01T01:30", False),  # a local time that comes twice
        ("2026-11-01T16:30Z", False),
        ("2026-11-01T17:30Z", True),
    ],
)
async def test_hours_follow_the_clocks_of_the_place(
    inference: LiveInference, open_at: str, *, open_there: bool
) -> None:
    reply = await inference.recommend(k=100, open_at=open_at)

    assert ("r00" in {item["restaurant_id"] for item in reply["items"]}) is open_there
