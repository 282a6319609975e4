"""Models listed, promoted and rolled back with the admin key, and what a worker says of itself."""

from pathlib import Path

from maitred.artifact import Verdict
from maitred.clock import SystemClock
from maitred.events import Impression, decode
from maitred.store import keys, models
from maitred.store.client import connect
from tests.support.inference import ADMIN, LiveInference, publish
from tests.support.models import tiny_run
from tests.support.servers import LiveValkey
from tests.support.waiting import until

pytest_plugins = ["tests.support.served"]


async def test_a_promoted_model_serves_within_two_seconds(
    inference: LiveInference, valkey: LiveValkey, tmp_path: Path
) -> None:
    before = inference.deps.snapshots.now.versions()["clicks"]
    with connect(valkey.url) as redis:
        verdict = Verdict(passed=True, champion=before, checks=[])
        newer = models.publish(redis, tiny_run(tmp_path / "newer", seed=2) / "model", verdict)

    promoted = await inference.http.post(f"/v1/models/{newer}/promote", headers=ADMIN)

    assert promoted.status_code == 200
    assert promoted.json()["current"]["clicks"] == newer
    await until(lambda: inference.deps.snapshots.now.versions()["clicks"] == newer, within_s=2)
    assert (await inference.recommend(user_id="u1"))["model_version"] == newer


async def test_a_rollback_serves_the_model_before(
    inference: LiveInference, valkey: LiveValkey, tmp_path: Path
) -> None:
    before = inference.deps.snapshots.now.versions()["clicks"]
    newer = publish(valkey.url, tmp_path, seed=2)
    await until(lambda: inference.deps.snapshots.now.versions()["clicks"] == newer, within_s=2)

    reply = await inference.http.post("/v1/models/rollback?objective=clicks", headers=ADMIN)

    assert reply.json()["current"]["clicks"] == before
    await until(lambda: inference.deps.snapshots.now.versions()["clicks"] == before, within_s=2)


async def test_a_model_without_a_passing_verdict_is_not_promoted(
    inference: LiveInference, valkey: LiveValkey, tmp_path: Path
) -> None:
    with connect(valkey.url) as redis:
        verdict = Verdict(passed=False, champion=None, checks=[])
        bad = models.publish(redis, tiny_run(tmp_path / "bad", seed=3) / "model", verdict)

    refused = await inference.http.post(f"/v1/models/{bad}/promote", headers=ADMIN)
    unknown = await inference.http.post("/v1/models/clicks-nowhere/promote", headers=ADMIN)

    assert (refused.status_code, unknown.status_code) == (409, 404)
    assert bad not in (await inference.recommend())["model_version"]


async def test_the_list_of_models_says_what_is_current_and_what_is_served(
    inference: LiveInference,
) -> None:
    listing = (await inference.http.get("/v1/models", headers=ADMIN)).json()

    serving = dict(inference.deps.snapshots.now.versions())
    assert listing["serving"] == serving
    assert {o: listing["current"][o] for o in serving} == serving
    assert listing["refused"] == []
    assert {v["version"] for v in listing["versions"]} == set(serving.values())
    assert all(v["gates"]["passed"] for v in listing["versions"])


async def test_a_wrong_key_is_refused(inference: LiveInference) -> None:
    headers = {"Authorization": "Bearer opensesame"}

    reply = await inference.http.get("/v1/models", headers=headers)

    assert reply.status_code == 401
    assert reply.headers["www-authenticate"] == "Bearer"
    assert "sesame" not in reply.text


async def test_a_worker_says_which_versions_it_has_mapped(
    inference: LiveInference, valkey: LiveValkey
) -> None:
    with connect(valkey.url) as redis:
        for version in inference.deps.snapshots.now.versions().values():
            pattern = keys.serving(version or "", "*").replace("{", "[{]").replace("}", "[}]")
            found = list(redis.scan_iter(pattern))

            assert len(found) == 1
            assert 0 < int(redis.ttl(found[0])) <= keys.SERVING_TTL_S  # type: ignore[arg-type]


async def test_health_readiness_and_metrics_answer(inference: LiveInference) -> None:
    await inference.recommend(user_id="u1", traffic="preview")

    alive = await inference.http.get("/healthz")
    ready = await inference.http.get("/readyz")
    labels = 'degraded="none",objective="clicks",rung="personalised",traffic="preview"'

    async def is_counted() -> bool:
        metrics = await inference.http.get("/metrics")
        return f"maitred_recommendations_total{{{labels}}} 1.0" in metrics.text

    assert alive.status_code == 200
    assert ready.json() == {"ready": True, "models": inference.deps.snapshots.now.versions()}
    await until(is_counted, within_s=2)


async def test_impressions_say_what_was_shown_and_previews_leave_none(
    inference: LiveInference,
) -> None:
    clock = SystemClock()
    asked = clock.now()
    reply = await inference.recommend(user_id="u1", k=3, revenue_weight=0.5, request_id="shown")
    await inference.recommend(user_id="u1", traffic="preview")
    await inference.recommend(user_id="u1", traffic="warmup")
    await inference.recommend(k=2, request_id="stranger", traffic="load")
    await until(lambda: len(inference.impressions) >= 2, within_s=2)
    await clock.wait(0.1)

    shown, stranger = map(_decoded, inference.impressions)
    assert [item.model_dump() for item in shown.items] == [
        {key: item[key] for key in ("restaurant_id", "rank", "propensity")}
        for item in reply["items"]
    ]
    assert (shown.user_id, shown.request_id, shown.policy) == ("u1", "shown", "w=0.5")
    assert (shown.rung, shown.temperature, shown.revenue_weight) == ("personalised", 0.1, 0.5)
    assert len(shown.pool) == 12
    assert (shown.occurred_at - asked).total_seconds() < 1
    by_id = {p.restaurant_id: p.log_p + 0.5 * p.log_v for p in shown.pool}
    assert [by_id[item["restaurant_id"]] for item in reply["items"]] == [
        item["score"] for item in reply["items"]
    ]
    assert (stranger.traffic.value, stranger.rung, stranger.pool) == ("load", "popular", [])
    assert stranger.user_id == "anonymous:stranger"


def _decoded(raw: bytes) -> Impression:
    event = decode(raw)
    assert isinstance(event, Impression)
    return event
