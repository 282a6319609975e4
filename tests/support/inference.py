"""The inference service in this process, on real servers, asked through its HTTP door."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from maitred.artifact import Verdict
from maitred.clock import Clock, SystemClock
from maitred.features import DinerState, Interaction, Kind, encode
from maitred.settings import Settings
from maitred.store import keys, models
from maitred.store.client import connect
from services.inference.app import build
from services.inference.channel import Outlet
from services.inference.deps import Dependencies
from services.inference.described import RecommendationReply
from tests.support.models import tiny_run

ADMIN = {"Authorization": "Bearer sesame"}
PATIENCE_S = 2.0
"""How late its event loop may be before it sheds: a test says when there is too much to do."""
HERE = {"lat": 41.88, "lon": -87.63}
RECOMMENDATIONS = "/v1/recommendations"


@dataclass
class LiveInference:
    """A running service, and the impressions that left it."""

    http: httpx.AsyncClient
    deps: Dependencies
    impressions: list[bytes] = field(default_factory=list)

    async def recommend(self, **parameters: Any) -> dict[str, Any]:  # noqa: ANN401
        """Ask by GET; the reply must be 200 and of the promised form."""
        reply = await self.http.get(RECOMMENDATIONS, params=parameters)
        assert reply.status_code == 200, reply.text
        RecommendationReply.model_validate_json(reply.content, strict=True)
        body: dict[str, Any] = reply.json()
        return body

    async def post(self, **members: Any) -> dict[str, Any]:  # noqa: ANN401
        """Ask by POST; the same holds."""
        reply = await self.http.post(RECOMMENDATIONS, json=members)
        assert reply.status_code == 200, reply.text
        RecommendationReply.model_validate_json(reply.content, strict=True)
        body: dict[str, Any] = reply.json()
        return body

    def metric(self, name: str, **labels: str) -> float:
        """A metric's value now; 0 where it was never counted."""
        self.deps.meter.flush()
        return self.deps.metrics.registry.get_sample_value(name, labels) or 0.0


@asynccontextmanager
async def serving(
    state: Path,
    redis_url: str,
    *,
    clock: Clock | None = None,
    outlet: Outlet | None = None,
    to_kafka: bool = False,
    warm_requests: int = 0,
    admin: str = "sesame",
    **settings: Any,  # noqa: ANN401 - fields of Settings
) -> AsyncIterator[LiveInference]:
    """Yield the service, ready; impressions are collected unless they go elsewhere.

    It shares its event loop with the test, so that a busy machine makes it late: it bears that.
    """
    collected: list[bytes] = []

    def collect(_key: str, value: bytes) -> bool:
        collected.append(value)
        return True

    app = build(
        Settings(
            state_dir=state,
            redis_url=redis_url,
            admin_key=admin,
            warm_requests=warm_requests,
            **settings,
        ),
        clock or SystemClock(),
        outlet=None if to_kafka else outlet or collect,
    )
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://inference") as http,
    ):
        admission = app.state.dependencies.admission
        admission.target_s = admission.max_lag_s = PATIENCE_S
        yield LiveInference(http, app.state.dependencies, collected)


def publish(
    redis_url: str,
    folder: Path,
    objective: str = "clicks",
    seed: int = 1,
    *,
    key: str | None = None,
) -> str:
    """Train nothing, publish a tiny model and promote it; return its version."""
    with connect(redis_url) as redis:
        champion = models.current(redis).version(objective)
        run = tiny_run(folder / f"{objective}-{seed}", objective, seed, key=key)
        verdict = Verdict(passed=True, champion=champion, checks=[])
        version = models.publish(redis, run / "model", verdict)
        models.promote(redis, version)
    return version


def remember(redis_url: str, user_id: str, did: Mapping[str, Kind], *, at: float) -> None:
    """Write a diner's live state, as the features consumer does."""
    interactions = tuple(
        Interaction(at + i, f"e{i}", restaurant, kind)
        for i, (restaurant, kind) in enumerate(did.items())
    )
    with connect(redis_url) as redis:
        redis.set(keys.state(user_id), encode(DinerState(interactions)))


def ids(reply: Mapping[str, Any]) -> list[str]:
    """The restaurants of a reply, in order."""
    return [item["restaurant_id"] for item in reply["items"]]


def scores(reply: Mapping[str, Any]) -> dict[str, float]:
    """The scores of a reply, by restaurant."""
    return {item["restaurant_id"]: item["score"] for item in reply["items"]}
