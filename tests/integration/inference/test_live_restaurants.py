"""Restaurants change over HTTP, and every worker's next replies are right: two apps, one Valkey."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from maitred.clock import SystemClock
from maitred.store import keys
from maitred.store.client import connect
from tests.support.inference import ADMIN, HERE, LiveInference, ids, publish, serving
from tests.support.servers import LiveValkey
from tests.support.waiting import until

RIGHT_S = 1.0
"""How soon after the acknowledgement every worker must be right."""
ALWAYS = [f"{day} 00:00-24:00" for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")]
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
RUNGS: dict[str, dict[str, Any]] = {
    "personalised": {"user_id": "u1"},
    "segment": dict(HERE),
    "popular": {},
    "static": {},
}


@dataclass
class Pair:
    """Two workers; writes go to the first."""

    workers: tuple[LiveInference, LiveInference]

    async def put(self, restaurant_id: str, /, **fields: Any) -> httpx.Response:  # noqa: ANN401
        path = f"/v1/restaurants/{quote(restaurant_id, safe='')}"
        return await self.workers[0].http.put(path, json=fields, headers=ADMIN)

    async def delete(self, restaurant_id: str, **headers: str) -> httpx.Response:
        path = f"/v1/restaurants/{quote(restaurant_id, safe='')}"
        return await self.workers[0].http.delete(path, headers=ADMIN | headers)

    async def post(self, rows: list[Any]) -> httpx.Response:
        return await self.workers[0].http.post(
            "/v1/restaurants", json={"restaurants": rows}, headers=ADMIN
        )


@pytest.fixture
async def pair(valkey: LiveValkey, tmp_path: Path) -> AsyncIterator[Pair]:
    for objective in ("clicks", "revenue"):
        publish(valkey.url, tmp_path, objective)
    async with (
        serving(tmp_path / "a", valkey.url) as one,
        serving(tmp_path / "b", valkey.url) as other,
    ):
        yield Pair((one, other))


async def known(worker: LiveInference, restaurant_id: str) -> dict[str, Any] | None:
    reply = await worker.http.get(f"/v1/restaurants/{quote(restaurant_id, safe='')}")
    assert reply.status_code in {200, 404}
    return dict(reply.json()) if reply.status_code == 200 else None


async def test_a_restaurant_that_is_put_is_what_everybody_reads_within_a_second(
    pair: Pair,
) -> None:
    reply = await pair.put("r03", **FULL)

    assert (reply.status_code, reply.json()) == (200, FULL)
    assert await known(pair.workers[0], "r03") == FULL
    took_s = await until(lambda: reads(pair.workers[1], "r03", FULL))
    assert took_s < RIGHT_S


async def reads(worker: LiveInference, name: str, expected: dict[str, Any] | None) -> bool:
    return await known(worker, name) == expected


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


async def reads_name(worker: LiveInference, restaurant_id: str, name: str) -> bool:
    found = await known(worker, restaurant_id)
    return found is not None and (found["restaurant_id"], found["name"]) == (restaurant_id, name)


async def test_what_was_deleted_is_new_when_it_is_put_again(pair: Pair) -> None:
    statuses = [
        (await pair.delete("r03")).status_code,
        (await pair.delete("r03")).status_code,
        (await pair.put("r03", name="back")).status_code,
        (await pair.put("r03", name="still")).status_code,
        (await pair.delete("nowhere")).status_code,
    ]

    assert statuses == [204, 404, 201, 200, 404]


async def lists(worker: LiveInference, **parameters: Any) -> dict[str, tuple[set[str], str]]:  # noqa: ANN401
    """What each rung shows of all twelve restaurants: (ids, rung)."""
    found = {}
    for rung, asked in RUNGS.items():
        if rung == "static":
            continue
        reply = await worker.recommend(k=20, **(asked | parameters))
        found[rung] = (set(ids(reply)), reply["rung"])
    return found


async def shown_by_all(worker: LiveInference, name: str, **parameters: Any) -> set[bool]:  # noqa: ANN401
    return {name in names for names, _ in (await lists(worker, **parameters)).values()}


async def becomes(pair: Pair, name: str, *, shown: bool, **parameters: Any) -> float:  # noqa: ANN401
    """Wait until both workers show it, or not, on every rung; return the seconds it took."""

    async def right() -> bool:
        return all(
            [await shown_by_all(worker, name, **parameters) == {shown} for worker in pair.workers]
        )

    return await until(right)


async def test_every_rung_of_both_workers_is_right_about_what_closed_moved_and_got_dearer(
    pair: Pair,
) -> None:
    base = {"cuisines": ["diner"], "hours": ALWAYS, "price_level": 1, **HERE}
    near = {"radius_km": 3, **HERE}
    rungs = {rung for _, rung in (await lists(pair.workers[0])).values()}
    assert rungs == {"personalised", "segment", "popular"}

    took: dict[str, float] = {}
    assert (await pair.put("r02", **base)).status_code == 200
    took["opened"] = await becomes(pair, "r02", shown=True, open_at="2026-05-04T10:00")
    await pair.put("r02", **(base | {"hours": []}))
    took["closed"] = await becomes(pair, "r02", shown=False, open_at="2026-05-04T10:00")
    await pair.put("r02", **(base | {"price_level": 4}))
    took["dearer"] = await becomes(pair, "r02", shown=False, price_max=3)
    await pair.put("r02", **base)
    took["near"] = await becomes(pair, "r02", shown=True, **near)
    await pair.put("r02", **(base | {"lat": 42.2}))
    took["moved"] = await becomes(pair, "r02", shown=False, **near)
    await pair.delete("r02")
    took["gone"] = await becomes(pair, "r02", shown=False)

    assert max(took.values()) < RIGHT_S, took


async def test_the_static_rung_is_right_too(valkey: LiveValkey, tmp_path: Path) -> None:
    publish(valkey.url, tmp_path)
    async with serving(tmp_path / "state", valkey.url, budget_ms=0.001) as worker:
        pair = Pair((worker, worker))
        await pair.delete("r00")
        await pair.put("new", cuisines=["thai"], price_level=2)
        reply = await worker.recommend(k=20)

    assert reply["rung"] == "static"
    assert "r00" not in ids(reply)
    assert "new" in ids(reply)


async def test_a_newcomer_is_recommended_and_explained_before_anybody_clicked_it(
    pair: Pair,
) -> None:
    await pair.put("new", name="Newcomer", cuisines=["italian"], price_level=1, hours=ALWAYS)
    await becomes(pair, "new", shown=True)

    for worker in pair.workers:
        reply = await worker.recommend(user_id="u0", k=20, explain="true", explore="false")
        assert reply["rung"] == "personalised"
        item = next(i for i in reply["items"] if i["restaurant_id"] == "new")
        total = sum(reason["contribution"] for reason in item["reasons"])
        assert total == pytest.approx(item["score"], abs=1e-12)
        by_cuisine = await worker.recommend(user_id="u0", k=20, cuisine="italian", open_at="now")
        assert "new" in ids(by_cuisine)


async def test_both_workers_give_the_same_list_at_the_same_position(pair: Pair) -> None:
    for i in range(6):
        await pair.put(f"n{i}", cuisines=["thai"], price_level=1 + i % 4)
    await pair.delete("n3")
    one, other = pair.workers

    async def level() -> bool:
        return one.deps.snapshots.now.position == other.deps.snapshots.now.position

    await until(level)
    replies = [
        await worker.recommend(user_id="u1", k=20, request_id="same") for worker in pair.workers
    ]
    assert replies[0]["items"] == replies[1]["items"]
    served = one.deps.snapshots.now.clicks
    assert served is not None
    assert served.catalogue_version == str(one.deps.snapshots.now.position)


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
    assert await put("third", **{"If-Match": "*"}) == 200
    assert await put("fourth", **{"If-None-Match": tag}) == 422
    newest = (await http.get("/v1/restaurants/r03")).headers["etag"]
    same = await http.get("/v1/restaurants/r03", headers={"If-None-Match": newest})
    assert same.status_code == 304
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


async def test_a_bulk_is_written_whole_and_followed(pair: Pair) -> None:
    rows = [
        {"restaurant_id": f"n{i:04}", "cuisines": ["thai"], "price_level": 2} for i in range(1000)
    ]

    first = await pair.post([*rows[:-1], {"restaurant_id": "r03", "name": "Three"}])
    again = await pair.post(rows)

    assert (first.json()["created"], first.json()["replaced"]) == (999, 1)
    assert (again.json()["created"], again.json()["replaced"]) == (1, 999)
    assert again.headers["catalogue-version"] == again.json()["catalogue_version"]
    took_s = await until(lambda: len(pair.workers[1].deps.snapshots.now.overlay) == 1001)
    assert took_s < RIGHT_S
    for worker in pair.workers:
        reply = await worker.recommend(user_id="u1", k=100, cuisine="thai")
        assert len(ids(reply)) == 100
    empty = await pair.post([])
    assert (empty.status_code, empty.json()["created"]) == (200, 0)


async def test_a_worker_that_fell_behind_the_log_reads_everything(
    pair: Pair, valkey: LiveValkey
) -> None:
    await pair.put("kept", name="kept")
    await pair.delete("r00")
    with connect(valkey.url) as redis:
        redis.xtrim(keys.CATALOGUE_LOG, maxlen=0)
        redis.incr(keys.CATALOGUE_POSITION)
        redis.hdel(keys.CATALOGUE_RECORDS, "kept")

    for worker in pair.workers:
        await until(lambda w=worker: w.deps.snapshots.now.position.number == 3)  # type: ignore[misc]
        assert await known(worker, "kept") is None
        assert await known(worker, "r00") is None
    assert (await pair.put("later", name="later")).status_code == 201
    await until(lambda: reads_name(pair.workers[1], "later", "later"))


async def test_a_new_model_is_served_with_the_restaurants_as_they_are_now(
    pair: Pair, valkey: LiveValkey, tmp_path: Path
) -> None:
    await pair.delete("r00")
    await pair.put("new", cuisines=["thai"], price_level=2)
    version = publish(valkey.url, tmp_path, seed=2)

    for worker in pair.workers:
        await until(lambda w=worker: w.deps.snapshots.now.versions()["clicks"] == version)  # type: ignore[misc]
        reply = await worker.recommend(user_id="u1", k=20)
        assert reply["model_version"] == version
        assert "r00" not in ids(reply)
        assert "new" in ids(reply)


async def test_without_a_model_restaurants_are_kept_all_the_same(
    valkey: LiveValkey, tmp_path: Path
) -> None:
    async with serving(tmp_path / "state", valkey.url) as worker:
        pair = Pair((worker, worker))
        assert (await pair.put("r03", **FULL)).status_code == 201
        assert await known(worker, "r03") == FULL
        assert (await pair.delete("r03")).status_code == 204
        assert await known(worker, "r03") is None


async def test_metrics_say_how_far_a_worker_is_and_what_differs(pair: Pair) -> None:
    await pair.put("new", name="x")
    await pair.delete("r01")
    worker = pair.workers[1]

    await until(lambda: worker.metric("maitred_catalogue_position") == 2)
    assert worker.metric("maitred_catalogue_overlay_restaurants", state="changed") == 1
    assert worker.metric("maitred_catalogue_overlay_restaurants", state="gone") == 1
    assert worker.metric("maitred_catalogue_behind_seconds") < 1


async def test_a_moment_is_judged_by_the_zone_that_was_put(pair: Pair) -> None:
    clock = SystemClock()
    at = datetime(2026, 5, 1, 19, 0, tzinfo=UTC)  # 21:00 in Berlin
    await pair.put("r03", hours=["fri 20:30-22:00"], timezone="Europe/Berlin")
    await becomes(pair, "r03", shown=True, open_at=at.isoformat())
    await becomes(pair, "r03", shown=False, open_at=(at + timedelta(hours=2)).isoformat())
    await pair.put("r03", hours=["fri 20:30-22:00"], timezone="America/Chicago")
    started = clock.monotonic()
    await becomes(pair, "r03", shown=False, open_at=at.isoformat())
    assert clock.monotonic() - started < RIGHT_S
