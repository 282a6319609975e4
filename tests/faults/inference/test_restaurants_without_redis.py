"""Redis dies, stalls or was emptied: what closed stays closed, on every rung, after a restart too."""

from pathlib import Path
from typing import Any

import pytest

from maitred.clock import SystemClock
from maitred.store import keys
from maitred.store.client import connect
from services.inference.follow import POLL_S
from tests.support.inference import ADMIN, HERE, LiveInference, ids, publish, serving
from tests.support.servers import LiveValkey
from tests.support.waiting import until

ASKED: list[dict[str, Any]] = [{"user_id": "u1"}, dict(HERE), {}]


async def close_some(worker: LiveInference) -> None:
    """Take one away, change one, add one."""
    for reply in (
        await worker.http.delete("/v1/restaurants/r00", headers=ADMIN),
        await worker.http.put("/v1/restaurants/r01", json={"name": "shut"}, headers=ADMIN),
        await worker.http.put(
            "/v1/restaurants/new/er", json={"cuisines": ["thai"], "price_level": 1}, headers=ADMIN
        ),
    ):
        assert reply.is_success


async def check(worker: LiveInference) -> None:
    """Every rung that can be reached holds to what is true."""
    for asked in ASKED:
        everything = ids(await worker.recommend(k=20, **asked))
        assert "r00" not in everything
        assert {"r01", "new/er"} <= set(everything)
        filtered = ids(
            await worker.recommend(k=20, price_max=4, open_at="2026-05-05T12:00", **asked)
        )
        assert filtered
        assert not {"r00", "r01"} & set(filtered)
    assert (await worker.http.get("/v1/restaurants/r00")).status_code == 404
    assert (await worker.http.get("/v1/restaurants/r01")).json()["name"] == "shut"


async def test_a_dead_redis_opens_nothing_and_says_so_to_who_writes(
    own_valkey: LiveValkey, tmp_path: Path
) -> None:
    publish(own_valkey.url, tmp_path)
    async with serving(tmp_path / "state", own_valkey.url) as worker:
        await close_some(worker)
        own_valkey.kill()
        await check(worker)
        refused = await worker.http.put("/v1/restaurants/r02", json={}, headers=ADMIN)
        await until(lambda: worker.metric("maitred_catalogue_behind_seconds") > 0.5)
        own_valkey.restart()
        await until(lambda: worker.metric("maitred_catalogue_behind_seconds") < 0.5)
        await check(worker)

    assert refused.status_code == 503
    assert refused.headers["retry-after"]


@pytest.mark.parametrize("fault", ["dead", "stalled"])
async def test_a_restart_without_redis_remembers_what_changed(
    own_valkey: LiveValkey, tmp_path: Path, fault: str
) -> None:
    publish(own_valkey.url, tmp_path)
    async with serving(tmp_path / "state", own_valkey.url) as worker:
        await close_some(worker)
        position = worker.deps.snapshots.now.position
        stored = tmp_path / "state" / "catalogue" / f"{position}.npz"
        assert await until(stored.exists) < 1

    if fault == "dead":
        own_valkey.kill()
    else:
        own_valkey.stop()
    async with serving(tmp_path / "state", own_valkey.url) as worker:
        assert worker.deps.snapshots.now.position == position
        await check(worker)
    if fault == "stalled":
        own_valkey.cont()


async def test_a_memory_that_was_cut_short_is_left_alone(
    own_valkey: LiveValkey, tmp_path: Path
) -> None:
    publish(own_valkey.url, tmp_path)
    folder = tmp_path / "state" / "catalogue"
    async with serving(tmp_path / "state", own_valkey.url) as worker:
        await close_some(worker)
        position = worker.deps.snapshots.now.position
        await until((folder / f"{position}.npz").exists)
    file = folder / f"{position}.npz"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])

    async with serving(tmp_path / "state", own_valkey.url) as worker:
        await check(worker)  # from Redis


async def test_a_disk_that_takes_nothing_costs_one_warning_and_no_worker(
    own_valkey: LiveValkey, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    publish(own_valkey.url, tmp_path)
    async with serving(tmp_path / "elsewhere", own_valkey.url) as worker:
        await close_some(worker)
    state = tmp_path / "state"
    state.mkdir()
    (state / "catalogue").write_text("a file where the folder should be")

    async with serving(state, own_valkey.url) as worker:
        await check(worker)
        for name in ("one", "other"):
            await worker.http.put("/v1/restaurants/r02", json={"name": name}, headers=ADMIN)
            await SystemClock().wait(3 * POLL_S)
        await check(worker)
        counted = worker.metric("maitred_unexpected_errors_total", program="inference")

    said = [r for r in caplog.records if r.name == "services.inference.follow"]
    warned = [r for r in said if r.levelname == "WARNING"]
    assert counted == len(warned) == 1
    assert "cannot be remembered on disk" in warned[0].message
    assert not any(record.exc_info for record in said)


async def test_an_emptied_redis_opens_nothing_that_was_closed(
    own_valkey: LiveValkey, tmp_path: Path
) -> None:
    publish(own_valkey.url, tmp_path)
    async with serving(tmp_path / "state", own_valkey.url) as worker:
        await close_some(worker)
        own_valkey.flush()
        await SystemClock().wait(3 * POLL_S)
        await check_closed(worker)
        # whoever fills it again says what is true from then on
        put = await worker.http.put("/v1/restaurants/r05", json={"name": "5"}, headers=ADMIN)
        shown = await worker.http.get("/v1/restaurants/r00")

    assert put.status_code == 200
    assert shown.status_code == 200


async def check_closed(worker: LiveInference) -> None:
    assert (await worker.http.get("/v1/restaurants/r00")).status_code == 404
    assert "r00" not in ids(await worker.recommend(k=20))


async def test_one_record_that_cannot_be_read_costs_only_itself(
    own_valkey: LiveValkey, tmp_path: Path
) -> None:
    publish(own_valkey.url, tmp_path)
    async with serving(tmp_path / "a", own_valkey.url) as worker:
        await close_some(worker)
    with connect(own_valkey.url) as redis:
        redis.hset(keys.CATALOGUE_RECORDS, "broken", b"{")

    async with serving(tmp_path / "b", own_valkey.url) as worker:
        await check(worker)
        assert (await worker.http.get("/v1/restaurants/broken")).status_code == 404
