"""Many diners in one request: each is answered as if asked alone, over HTTP, with a real Valkey."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from maitred.events import decode
from maitred.features import Kind
from services.inference.described import RecommendationReply
from tests.support.inference import ADMIN, HERE, LiveInference, ids, publish, remember, serving
from tests.support.models import HISTORY_ENDS
from tests.support.servers import LiveValkey

pytest_plugins = ["tests.support.served"]

BATCH = "/v1/recommendations/batch"


async def ask(
    inference: LiveInference,
    **members: Any,  # noqa: ANN401
) -> list[dict[str, Any]]:
    reply = await inference.http.post(BATCH, json=members)
    assert reply.status_code == 200, reply.text
    body = reply.json()
    assert list(body) == ["replies", "took_ms"]
    for one in body["replies"]:
        RecommendationReply.model_validate_json(orjson.dumps(one), strict=True)
    replies: list[dict[str, Any]] = body["replies"]
    return replies


def timeless(reply: dict[str, Any]) -> dict[str, Any]:
    items = [
        {n: pytest.approx(v, abs=1e-5) if n in {"score", "propensity"} else v for n, v in i.items()}
        for i in reply["items"]
    ]
    return {n: v for n, v in reply.items() if n != "took_ms"} | {"items": items}


DINERS: list[dict[str, Any]] = [
    {"user_id": "u0"},
    {"user_id": "u1", "k": 3},
    {"user_id": "nobody"},
    {},
    {"user_id": "u2", "cuisine": ["thai"]},
    {"user_id": "u3", "price_max": 2, "explore": False},
    {"user_id": "u4", **HERE, "radius_km": 2},
    {"user_id": "u5", "objective": "revenue"},
    {"user_id": "u1", "revenue_weight": 0.7},
    {"history": ["r03", "r05"]},
    HERE,
    {"user_id": "u0", "exclude": ["r00", "r01"], "objective": "balanced"},
    {"user_id": "u0", **HERE, "radius_km": 0},
]


async def test_each_diner_is_answered_as_if_asked_alone(inference: LiveInference) -> None:
    remember(inference_url(inference), "u3", {"r04": Kind.DISMISS}, at=HISTORY_ENDS + 60)
    diners = [d | {"request_id": f"req-{i}"} for i, d in enumerate(DINERS * 12)]
    alone = [await inference.post(**diner) for diner in diners]

    together = await ask(inference, diners=diners)

    assert [timeless(reply) for reply in alone] == together_without_time(together)
    assert {reply["rung"] for reply in together} == {"personalised", "segment", "popular"}
    assert "r04" not in ids(together[5])
    assert inference.metric("maitred_unexpected_errors_total", program="inference") == 0


def inference_url(inference: LiveInference) -> str:
    return inference.deps.settings.redis_url or ""


def together_without_time(replies: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{n: v for n, v in reply.items() if n != "took_ms"} for reply in replies]


async def test_reasons_add_up_in_a_batch_too(inference: LiveInference) -> None:
    diners = [{"user_id": f"u{i}"} for i in range(6)]

    replies = await ask(inference, diners=diners, explain=True, revenue_weight=0.5)

    for item in (item for reply in replies for item in reply["items"]):
        total = sum(reason["contribution"] for reason in item["reasons"])
        assert total == pytest.approx(item["score"], abs=1e-6)
    codes = {r["code"] for reply in replies for item in reply["items"] for r in item["reasons"]}
    assert {"your_own", "because_you_visited", "revenue_weight", "pool"} <= codes


async def test_what_stands_at_the_top_holds_for_all_unless_a_diner_says_otherwise(
    inference: LiveInference,
) -> None:
    replies = await ask(
        inference, k=2, price_max=1, diners=[{"user_id": "u1"}, {"user_id": "u1", "k": 5},
        {"user_id": "u1", "k": None}],
    )  # fmt: skip

    assert [len(reply["items"]) for reply in replies] == [
        2,
        3,
        2,
    ]  # three restaurants cost so little
    assert {reply["filtered"]["price_max"] for reply in replies} == {9}


async def test_every_diner_of_a_batch_leaves_an_impression(
    valkey: LiveValkey, tmp_path: Path
) -> None:
    publish(valkey.url, tmp_path)
    async with serving(tmp_path / "state", valkey.url) as live:
        replies = await ask(live, diners=[{"user_id": f"u{i}"} for i in range(6)])
        await ask(live, traffic="preview", diners=[{"user_id": "u0"}])

    shown = {event.request_id: event for event in map(decode, live.impressions)}

    assert set(shown) == {reply["request_id"] for reply in replies}
    for reply in replies:
        event = shown[reply["request_id"]]
        assert [item.restaurant_id for item in event.items] == ids(reply)  # type: ignore[union-attr]
        assert len(event.pool) == 12  # type: ignore[union-attr]
    assert live.metric("maitred_batch_diners_total") == 7


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"diners": [{}, {"k": 0}]}, {"diners[1].k"}),
        ({"diners": [{}, {"lat": 1.0}]}, {"diners[1].lat"}),
        ({"diners": [{"kk": 1}]}, {"diners[0].kk"}),
        ({"diners": [{}, 7]}, {"diners[1]"}),
        ({"diners": [{}, {}], "k": 101}, {"k"}),
        ({"diners": [{}], "nonsense": 1}, {"nonsense"}),
        ({"diners": []}, {"diners"}),
        ({"diners": [{}] * 513}, {"diners"}),
        ({"diners": "u1"}, {"diners"}),
        ({}, {"diners"}),
        ({"diners": [{"objective": "clicks", "revenue_weight": 1}]}, {"diners[0].revenue_weight"}),
        ({"diners": [{"open_at": "yesterday"}, {"price_max": 9}]},
         {"diners[0].open_at", "diners[1].price_max"}),
    ],
)  # fmt: skip
async def test_a_fault_names_the_diner(
    inference: LiveInference, members: dict[str, Any], named: set[str]
) -> None:
    reply = await inference.http.post(BATCH, json=members)

    assert reply.status_code == 422, reply.text
    assert {error["field"] for error in reply.json()["errors"]} == named
    assert not inference.impressions


async def test_other_methods_and_query_words_are_refused(inference: LiveInference) -> None:
    by_get = await inference.http.get(BATCH)
    queried = await inference.http.post(BATCH, params={"k": 1}, json={"diners": [{}]})

    assert by_get.status_code == 405
    assert queried.json()["errors"][0] == {"field": "k", "reason": "belongs into the body"}


async def test_without_redis_a_batch_is_answered_from_lower_rungs(
    valkey: LiveValkey, tmp_path: Path
) -> None:
    publish(valkey.url, tmp_path)
    async with serving(tmp_path / "state", valkey.url, redis_budget_ms=20) as live:
        valkey.stop()
        try:
            replies = await ask(live, diners=[{"user_id": f"u{i % 6}"} for i in range(512)])
        finally:
            valkey.cont()

    assert {(reply["rung"], reply["degraded"]) for reply in replies} == {("popular", "store")}


async def test_a_budget_that_is_spent_costs_quality_and_says_so(
    valkey: LiveValkey, tmp_path: Path
) -> None:
    publish(valkey.url, tmp_path)
    async with serving(tmp_path / "state", valkey.url, budget_ms=0.001) as live:
        replies = await ask(live, diners=[{"user_id": "u1", "exclude": ["r00"]}] * 512)
        single = await live.recommend(user_id="u1")

    assert single["degraded"] == "deadline"
    # 0.5 ms each are 256 ms: enough for most, and whoever comes too late is told so
    assert {reply["degraded"] for reply in replies} <= {None, "deadline"}
    assert all("r00" not in ids(reply) for reply in replies)


async def test_a_single_request_is_answered_while_a_batch_is_at_work(
    inference: LiveInference,
) -> None:
    body = {"diners": [{"user_id": f"u{i % 6}"} for i in range(512)]}
    order: list[str] = []

    async def batch() -> httpx.Response:
        reply = await inference.http.post(BATCH, json=body)
        order.append("batch")
        return reply

    async def single() -> None:
        await inference.recommend(user_id="u1")
        order.append("single")

    await asyncio.gather(batch(), *(single() for _ in range(20)))

    assert order[-1] == "batch"


async def test_what_changes_while_a_batch_is_read_does_not_spoil_it(
    inference: LiveInference,
) -> None:
    deps = inference.deps
    before = deps.snapshots.now
    added = await inference.http.put(
        "/v1/restaurants/ufo", json={"cuisines": ["martian"]}, headers=ADMIN
    )
    assert added.status_code == 201
    diners = [{"user_id": f"u{i % 6}"} for i in range(512)]

    async with deps.turnstile:
        call = asyncio.create_task(
            inference.http.post(BATCH, json={"cuisine": ["martian"], "diners": diners})
        )
        await asyncio.sleep(0.05)
    await asyncio.sleep(0)  # its turn: it begins to read its diners
    deps.snapshots.swap(before)
    reply = await call

    assert reply.status_code == 200, reply.text
    assert [ids(one) for one in reply.json()["replies"]] == [["ufo"]] * 512
