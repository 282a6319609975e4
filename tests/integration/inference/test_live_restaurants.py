"""Restaurants change over HTTP, and every worker's next replies are right: two apps, one Valkey."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from maitred.clock import SystemClock
from maitred.store import keys
from maitred.store.client import connect
from tests.support.inference import HERE, ids, publish, serving
from tests.support.pair import Pair, becomes, known, lists, reads_name
from tests.support.servers import LiveValkey
from tests.support.waiting import until

pytest_plugins = ["tests.support.served"]

RIGHT_S = 1.0
"""How soon after the acknowledgement every worker must be right."""
ALWAYS = [f"{day} 00:00-24:00" for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")]


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
