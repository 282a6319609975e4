"""What a worker asks itself before anybody else may ask."""

import logging
from pathlib import Path

import pytest

from tests.support.inference import publish, serving
from tests.support.servers import LiveValkey

REQUESTS = 40


@pytest.mark.parametrize("has_model", [True, False])
async def test_a_worker_is_ready_when_it_has_answered_itself(
    valkey: LiveValkey, tmp_path: Path, caplog: pytest.LogCaptureFixture, *, has_model: bool
) -> None:
    if has_model:
        publish(valkey.url, tmp_path)
    with caplog.at_level(logging.WARNING):
        async with serving(tmp_path / "state", valkey.url, warm_requests=REQUESTS) as live:
            answered = {
                rung: sum(
                    live.metric(
                        "maitred_recommendations_total",
                        objective="clicks", rung=rung, degraded=degraded, traffic="warmup",
                    )
                    for degraded in ("none", "no_model")
                )
                for rung in ("personalised", "popular", "static")
            }  # fmt: skip

            assert sum(answered.values()) == REQUESTS
            assert answered["personalised"] >= (REQUESTS / 2 if has_model else 0)
            assert live.metric("maitred_recommendation_seconds_count") == 0
            assert live.impressions == []
    assert "rehearsed" not in caplog.text


async def test_without_redis_a_worker_rehearses_the_lower_rungs_and_is_ready_soon(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path, "redis://127.0.0.1:9/0", warm_requests=REQUESTS) as live:
        assert (await live.http.get("/readyz")).status_code == 200
        assert (await live.recommend(user_id="u1"))["rung"] == "static"
