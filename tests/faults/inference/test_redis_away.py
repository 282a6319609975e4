"""Redis stalls, dies or was never there: every request is answered, in time, and says so."""

from collections.abc import AsyncIterator
from pathlib import Path
from shutil import rmtree
from statistics import median

import pytest

from maitred.clock import SystemClock
from tests.support.inference import HERE, LiveInference, publish, serving
from tests.support.servers import LiveValkey
from tests.support.waiting import until

IN_TIME_MS = 100
REDIS_BUDGET_S = 0.015


@pytest.fixture
async def inference(own_valkey: LiveValkey, tmp_path: Path) -> AsyncIterator[LiveInference]:
    """The service on a Valkey of its own."""
    for objective in ("clicks", "revenue"):
        publish(own_valkey.url, tmp_path, objective)
    async with serving(tmp_path / "state", own_valkey.url) as live:
        yield live


async def is_personalised(inference: LiveInference) -> bool:
    reply = await inference.recommend(user_id="u1", traffic="preview")
    return bool(reply["rung"] == "personalised" and reply["degraded"] is None)


async def test_a_stalled_redis_costs_the_person_not_the_reply(
    inference: LiveInference, own_valkey: LiveValkey
) -> None:
    clock = SystemClock()
    own_valkey.stop()
    replies, waits = [], []
    for i in range(50):
        asked = clock.monotonic()
        replies.append(await inference.recommend(user_id=f"u{i % 6}", cuisine="thai"))
        waits.append(clock.monotonic() - asked)
    own_valkey.cont()
    back_s = await until(lambda: is_personalised(inference), within_s=2)

    assert {(r["rung"], r["degraded"]) for r in replies} == {("segment", "store")}
    assert max(r["took_ms"] for r in replies) < IN_TIME_MS
    assert median(waits) < REDIS_BUDGET_S  # later ones do not wait for Redis at all
    assert back_s < 2
    counted = inference.metric(
        "maitred_recommendations_total",
        objective="clicks",
        rung="segment",
        degraded="store",
        traffic="live",
    )
    assert counted == 50


async def test_a_dead_redis_is_the_same_until_it_is_back(
    inference: LiveInference, own_valkey: LiveValkey
) -> None:
    own_valkey.kill()
    replies = [await inference.recommend(user_id="u1", **HERE) for _ in range(20)]
    own_valkey.restart()
    await until(lambda: is_personalised(inference), within_s=2)

    assert {(r["rung"], r["degraded"]) for r in replies} == {("segment", "store")}
    assert max(r["took_ms"] for r in replies) < IN_TIME_MS


async def test_the_filters_hold_while_redis_is_away(
    inference: LiveInference, own_valkey: LiveValkey
) -> None:
    own_valkey.stop()
    reply = await inference.recommend(user_id="u1", k=12, cuisine="italian", exclude="r03")
    own_valkey.cont()

    assert {i["restaurant_id"] for i in reply["items"]} == {"r00", "r06", "r09"}


async def test_an_anonymous_request_misses_nothing_when_redis_is_away(
    inference: LiveInference, own_valkey: LiveValkey
) -> None:
    own_valkey.stop()
    stranger = await inference.recommend()
    told = await inference.post(history=["r05"], user_id="u1")
    own_valkey.cont()

    assert (stranger["rung"], stranger["degraded"]) == ("popular", None)
    assert (told["rung"], told["degraded"]) == ("personalised", "store")


async def test_administrators_are_told_that_redis_is_away(
    inference: LiveInference, own_valkey: LiveValkey
) -> None:
    own_valkey.kill()

    reply = await inference.http.get("/v1/models", headers={"Authorization": "Bearer sesame"})

    assert reply.status_code == 503
    assert reply.headers["retry-after"]
    own_valkey.restart()


async def test_a_start_without_redis_serves_what_this_machine_remembers(
    own_valkey: LiveValkey, tmp_path: Path
) -> None:
    versions = {o: publish(own_valkey.url, tmp_path, o) for o in ("clicks", "revenue")}
    async with serving(tmp_path / "state", own_valkey.url):
        pass  # downloads and remembers
    own_valkey.stop()

    clock = SystemClock()
    started = clock.monotonic()
    async with serving(tmp_path / "state", own_valkey.url) as inference:
        start_s = clock.monotonic() - started
        ready = await inference.http.get("/readyz")
        reply = await inference.recommend(user_id="u1", cuisine="thai")
        own_valkey.cont()
        await until(lambda: is_personalised(inference), within_s=2)

    assert ready.json() == {"ready": True, "models": versions}
    assert (reply["rung"], reply["degraded"]) == ("segment", "store")
    assert start_s < 5


async def test_a_memory_of_models_that_are_gone_stops_no_start(
    own_valkey: LiveValkey, tmp_path: Path
) -> None:
    for objective in ("clicks", "revenue"):
        version = publish(own_valkey.url, tmp_path, objective)
    async with serving(tmp_path / "state", own_valkey.url):
        pass
    rmtree(tmp_path / "state/models" / version)
    own_valkey.kill()

    async with serving(tmp_path / "state", own_valkey.url) as inference:
        clicks = await inference.recommend()
        revenue = await inference.recommend(objective="revenue")

    assert (clicks["rung"], clicks["degraded"]) == ("popular", None)
    assert (revenue["rung"], revenue["degraded"]) == ("popular", "no_model")


async def test_without_any_model_the_reply_is_empty_and_says_why(
    own_valkey: LiveValkey, tmp_path: Path
) -> None:
    async with serving(tmp_path / "state", own_valkey.url) as inference:
        ready = await inference.http.get("/readyz")
        before = await inference.recommend(user_id="u1")
        version = publish(own_valkey.url, tmp_path)
        took_s = await until(lambda: is_personalised(inference), within_s=2)
        other = await inference.recommend(user_id="u1", objective="revenue")

    assert ready.json() == {"ready": True, "models": {"clicks": None, "revenue": None}}
    assert (before["rung"], before["degraded"], before["items"]) == ("static", "no_model", [])
    assert before["model_version"] is None
    assert took_s < 2
    assert (other["rung"], other["degraded"]) == ("popular", "no_model")
    assert other["model_version"] == version


async def test_a_machine_without_redis_and_without_memory_starts_all_the_same(
    own_valkey: LiveValkey, tmp_path: Path
) -> None:
    own_valkey.kill()

    async with serving(tmp_path / "state", own_valkey.url) as inference:
        ready = await inference.http.get("/readyz")
        reply = await inference.recommend(user_id="u1")
        own_valkey.restart()
        publish(own_valkey.url, tmp_path)
        await until(lambda: is_personalised(inference), within_s=3)

    assert ready.json()["ready"] is True
    assert reply["degraded"] == "no_model"
