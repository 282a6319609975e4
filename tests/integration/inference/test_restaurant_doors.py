"""The doors to restaurants: what may be written, and what is refused by name."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.inference import ADMIN, serving
from tests.support.pair import Pair, known, reads, reads_name
from tests.support.servers import LiveValkey
from tests.support.waiting import until

pytest_plugins = ["tests.support.served"]

FULL: dict[str, Any] = {
    "restaurant_id": "r03",
    "name": "Three",
    "lat": 41.88,
    "lon": -87.63,
    "cuisines": ["thai", "noodles"],
    "price_level": 2,
    "avg_value_minor": 1900,
    "commission_rate": 0.2,
    "hours": ["fri 18:00-02:00"],
    "timezone": "America/Chicago",
    "attributes": ["vegan"],
    "delivery_km": 3.5,
}


async def test_a_restaurant_that_is_put_is_what_everybody_reads_within_a_second(
    pair: Pair,
) -> None:
    reply = await pair.put("r03", **FULL)

    assert (reply.status_code, reply.json()) == (200, FULL)
    assert await known(pair.workers[0], "r03") == FULL
    took_s = await until(lambda: reads(pair.workers[1], "r03", FULL))
    assert took_s < 1


@pytest.mark.parametrize("name", ["a/b", "/", "é 猫🍜", "a%2Fb", "x?y=1#z", "r 1", "..%", "'\"\\"])
async def test_any_unicode_is_an_id_and_a_slash_too(pair: Pair, name: str) -> None:
    created = await pair.put(name, name="odd")
    replaced = await pair.put(name, name="odder")

    assert (created.status_code, replaced.status_code) == (201, 200)
    for worker in pair.workers:
        await until(lambda w=worker: reads_name(w, name, "odder"))  # type: ignore[misc]
    assert (await pair.delete(name)).status_code == 204
    assert (await pair.delete(name)).status_code == 404
    assert await known(pair.workers[0], name) is None


async def test_what_was_deleted_is_new_when_it_is_put_again(pair: Pair) -> None:
    statuses = [
        (await pair.delete("r03")).status_code,
        (await pair.delete("r03")).status_code,
        (await pair.put("r03", name="back")).status_code,
        (await pair.put("r03", name="still")).status_code,
        (await pair.delete("nowhere")).status_code,
    ]

    assert statuses == [204, 404, 201, 200, 404]


async def test_an_entity_tag_guards_against_lost_updates(pair: Pair) -> None:
    http = pair.workers[0].http
    read = await http.get("/v1/restaurants/r03")
    tag = read.headers["etag"]

    async def put(name: str, **headers: str) -> int:
        reply = await http.put("/v1/restaurants/r03", json={"name": name}, headers=ADMIN | headers)
        return reply.status_code

    assert await put("first", **{"If-Match": tag}) == 200
    assert await put("second", **{"If-Match": tag}) == 412
    assert await put("second", **{"If-Match": '"+"'}) == 412
    assert await put("second", **{"If-None-Match": "*"}) == 412
    assert await put("second", **{"If-Match": f'{tag}, "other"'}) == 422
    assert await put("third", **{"If-Match": "*"}) == 200
    assert await put("fourth", **{"If-None-Match": tag}) == 422
    newest = (await http.get("/v1/restaurants/r03")).headers["etag"]
    assert await put("fourth", **{"If-Match": f"W/{newest}"}) == 412
    for held, status in {
        newest: 304,
        f'"other", {newest}': 304,
        f"W/{newest}": 304,
        "*": 304,
        tag: 200,
        newest.strip('"'): 200,
    }.items():
        again = await http.get("/v1/restaurants/r03", headers={"If-None-Match": held})
        assert (held, again.status_code) == (held, status)
    assert (await pair.delete("r03", **{"If-Match": tag})).status_code == 412
    assert (await pair.delete("r03", **{"If-Match": newest})).status_code == 204
    assert await put("fifth", **{"If-Match": "*"}) == 404
    assert await put("fifth", **{"If-None-Match": "*"}) == 201


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"restaurant_id": "other"}, "restaurant_id"),
        ({"name": 3}, "name"),
        ({"name": "x" * 301}, "name"),
        ({"lat": 91, "lon": 0}, "lat"),
        ({"lat": 1, "lon": 181}, "lon"),
        ({"lat": 1}, "body"),
        ({"lat": "1", "lon": 2}, "lat"),
        ({"cuisines": "thai"}, "cuisines"),
        ({"cuisines": [""]}, "cuisines.0"),
        ({"cuisines": ["thai"] * 51}, "cuisines"),
        ({"price_level": 0}, "price_level"),
        ({"price_level": 5}, "price_level"),
        ({"price_level": 2.5}, "price_level"),
        ({"price_level": True}, "price_level"),
        ({"avg_value_minor": -1}, "avg_value_minor"),
        ({"avg_value_minor": 10**20}, "avg_value_minor"),
        ({"commission_rate": 1.1}, "commission_rate"),
        ({"hours": ["mon 11:00-23:00", "sometimes"]}, "hours.1"),
        ({"hours": ["mon 25:00-26:00"]}, "hours.0"),
        ({"hours": "mon 11:00-23:00"}, "hours"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"timezone": "../etc/passwd"}, "timezone"),
        ({"attributes": [None]}, "attributes.0"),
        ({"delivery_km": -0.1}, "delivery_km"),
        ({"stars": 5}, "stars"),
    ],
)
async def test_every_field_out_of_its_domain_is_named(
    pair: Pair, fields: dict[str, Any], fault: str
) -> None:
    before = await known(pair.workers[0], "r03")

    single = await pair.put("r03", **fields)
    bulk = await pair.post([{"restaurant_id": "ok"}, {"restaurant_id": "r03"} | fields])

    assert single.status_code == 422
    assert [e["field"] for e in single.json()["errors"]] == [fault]
    if fault != "restaurant_id":
        assert bulk.status_code == 422
        expected = "restaurants.1" if fault == "body" else f"restaurants.1.{fault}"
        assert [e["field"] for e in bulk.json()["errors"]] == [expected]
        assert await known(pair.workers[0], "ok") is None  # nothing of it is written
        assert await known(pair.workers[0], "r03") == before


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b"{", 422, "body"),
        (b"[]", 422, "body"),
        (b'{"restaurants": {}}', 422, "restaurants"),
        (b'{"restaurants": [], "more": 1}', 422, "body"),
        (b'{"restaurants": [1]}', 422, "restaurants.0"),
        (b'{"restaurants": [{"name": "x"}]}', 422, "restaurants.0.restaurant_id"),
        (b'{"restaurants": [{"restaurant_id": ""}]}', 422, "restaurants.0.restaurant_id"),
        (b'{"restaurants": [{"restaurant_id": "a"}, {"restaurant_id": "a"}]}', 422,
         "restaurants.1.restaurant_id"),
        (b'{"restaurants": [' + b"{}," * 1000 + b"{}]}", 413, "restaurants"),
        (b'{"restaurants": ["' + b"x" * 2**20 + b'"]}', 413, "body"),
        (b'{"restaurants": [{"restaurant_id": "\\ud800"}]}', 422, "body"),
    ],
)  # fmt: skip
async def test_a_bulk_that_is_none_is_refused_with_what_is_wrong(
    pair: Pair, body: bytes, status: int, field: str
) -> None:
    reply = await pair.workers[0].http.post("/v1/restaurants", content=body, headers=ADMIN)

    assert reply.status_code == status
    assert reply.json()["errors"][0]["field"] == field
    assert pair.workers[0].deps.snapshots.now.position.number == 0


async def test_writing_needs_the_key_and_known_parameters(pair: Pair) -> None:
    http = pair.workers[0].http
    for call in (
        http.put("/v1/restaurants/r03", json={}),
        http.delete("/v1/restaurants/r03"),
        http.post("/v1/restaurants", json={"restaurants": []}),
    ):
        assert (await call).status_code == 401
    strange = await http.put("/v1/restaurants/r03?force=1", json={}, headers=ADMIN)
    assert strange.status_code == 422
    assert (await http.put(f"/v1/restaurants/{'x' * 129}", json={}, headers=ADMIN)).is_client_error
    assert (await http.put("/v1/restaurants/", json={}, headers=ADMIN)).status_code == 422


async def test_without_a_model_restaurants_are_kept_all_the_same(
    valkey: LiveValkey, tmp_path: Path
) -> None:
    async with serving(tmp_path / "state", valkey.url) as worker:
        pair = Pair((worker, worker))
        assert (await pair.put("r03", **FULL)).status_code == 201
        assert await known(worker, "r03") == FULL
        assert (await pair.delete("r03")).status_code == 204
        assert await known(worker, "r03") is None
