"""What is like a restaurant and what all diners choose, asked over HTTP."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from maitred.artifact import load
from maitred.clock import ManualClock
from services.inference.described_more import PopularReply, SimilarReply
from services.inference.snapshot import Served, Snapshot
from tests.support.inference import ADMIN, HERE, LiveInference, ids, publish, serving
from tests.support.models import said_by, tiny_run
from tests.support.servers import LiveValkey

pytest_plugins = ["tests.support.served"]

NEWCOMERS = {
    "new/ü ?%": {"cuisines": ["thai"], "price_level": 2, "lat": 41.9, "lon": -87.6},
    "newest": {"cuisines": ["diner"], "price_level": 1, "lat": 41.9, "lon": -87.6},
}


async def similar(inference: LiveInference, name: str = "r01", **asked: Any) -> dict[str, Any]:  # noqa: ANN401
    reply = await inference.http.get(f"/v1/similar/{name}", params=asked)
    assert reply.status_code == 200, reply.text
    SimilarReply.model_validate_json(reply.content, strict=True)
    body: dict[str, Any] = reply.json()
    return body


async def popular(inference: LiveInference, **asked: Any) -> dict[str, Any]:  # noqa: ANN401
    reply = await inference.http.get("/v1/popular", params=asked)
    assert reply.status_code == 200, reply.text
    PopularReply.model_validate_json(reply.content, strict=True)
    body: dict[str, Any] = reply.json()
    return body


async def with_newcomers(inference: LiveInference) -> None:
    """Add two restaurants, and close one."""
    for name, record in NEWCOMERS.items():
        path = f"/v1/restaurants/{quote(name, safe='')}"
        added = await inference.http.put(path, json=record, headers=ADMIN)
        assert added.status_code == 201, added.text
    closed = await inference.http.delete("/v1/restaurants/r02", headers=ADMIN)
    assert closed.status_code == 204, closed.text


async def test_what_diners_choose_together_comes_first_then_what_is_of_like_taste(
    inference: LiveInference,
) -> None:
    clicks = inference.deps.snapshots.now.clicks
    assert clicks is not None
    items, weights = said_by(clicks.model, 1)
    best_first = [f"r{i:02}" for i in items[weights.argsort()[::-1]]]

    reply = await similar(inference, k=12, explain="true")

    assert ids(reply)[:3] == best_first
    assert "r01" not in ids(reply)
    scores = [item["score"] for item in reply["items"]]
    assert scores == sorted(scores, reverse=True)
    codes = [item["reasons"][0]["code"] for item in reply["items"]]
    assert codes == sorted(codes, key=["chosen_together", "similar_taste", "same_kind"].index)
    assert {"chosen_together", "similar_taste"} <= set(codes)
    for item in reply["items"]:
        assert sum(r["contribution"] for r in item["reasons"]) == item["score"]


async def test_a_newcomer_has_similar_ones_and_is_one_itself(inference: LiveInference) -> None:
    await with_newcomers(inference)

    of_newcomer = await similar(inference, "new%2F%C3%BC%20%3F%25", k=14)
    with_slash = await inference.http.get("/v1/similar/new/%C3%BC%20%3F%25", params={"k": 14})
    of_old = await similar(inference, "r01", k=14)

    assert of_newcomer["restaurant_id"] == "new/ü ?%"
    assert len(of_newcomer["items"]) >= 3
    assert with_slash.json() == of_newcomer
    assert {"new/ü ?%", "newest"} & set(ids(of_old))
    assert "r02" not in ids(of_old) + ids(of_newcomer)  # it is gone


async def test_a_model_without_vectors_falls_back_to_kinds(tmp_path: Path) -> None:
    """Of a restaurant that nobody was at, what is known is what it cooks."""
    from services.inference.breadth import open_breadth  # noqa: PLC0415
    from services.inference.lookups import Lookups  # noqa: PLC0415
    from services.inference.policies import load_policies  # noqa: PLC0415
    from services.inference.schemas import ask_of_query  # noqa: PLC0415

    model = load(tiny_run(tmp_path) / "model")
    bare = replace(model, vectors=model.vectors[:, :0],
                   neighbours_indptr=model.neighbours_indptr * 0)  # fmt: skip
    asked = ask_of_query(b"k=5&explain=true", datetime(2026, 5, 1, tzinfo=UTC), load_policies(None))

    with open_breadth() as breadth:
        snapshot = Snapshot(clicks=Served.of(bare))
        page, _ = await Lookups(breadth).similar("r01", asked, snapshot, within_s=1)

    reply = SimilarReply.model_validate_json(page.body)
    assert [item.restaurant_id for item in reply.items][:3] == ["r04", "r07", "r10"]  # all thai
    assert {item.reasons[0].code for item in reply.items} == {"same_kind"}


@pytest.mark.parametrize("name", ["r99", "r01%2F", "%00", "r01/more"])
async def test_an_unknown_restaurant_is_404(inference: LiveInference, name: str) -> None:
    reply = await inference.http.get(f"/v1/similar/{name}")

    assert reply.status_code == 404
    assert reply.json()["errors"] == [{"field": "restaurant_id", "reason": "unknown"}]


async def test_filters_hold_for_both(inference: LiveInference) -> None:
    asked: dict[str, Any] = {"price_max": 2, "exclude": ["r04"], "k": 12, **HERE, "radius_km": 4}

    replies = [await similar(inference, **asked), await popular(inference, **asked)]

    for reply in replies:
        assert set(ids(reply)) <= {"r00", "r01", "r05"}
        assert set(reply["filtered"]) == {"radius_km", "exclude", "price_max"}


async def test_popular_is_the_popular_rung_and_turns_the_dial(inference: LiveInference) -> None:
    for dial in ({}, {"revenue_weight": 1}, {"objective": "revenue"}, {"objective": "balanced"}):
        alone = await inference.recommend(k=5, traffic="preview", cuisine=["thai"], **dial)
        listed = await popular(inference, k=5, cuisine=["thai"], **dial)
        whole = await popular(inference, **dial)

        assert set(ids(listed)) == set(ids(alone))
        assert listed["revenue_weight"] == alone["revenue_weight"]
        assert len(whole["items"]) == 10
    assert ids(await popular(inference)) != ids(await popular(inference, revenue_weight=1))


async def test_who_asks_again_is_told_that_nothing_changed(inference: LiveInference) -> None:
    for path in ("/v1/similar/r01", "/v1/popular"):
        first = await inference.http.get(path, params={"k": 4})
        again = await inference.http.get(path, params={"k": 4})
        unchanged = await inference.http.get(
            path, params={"k": 4}, headers={"if-none-match": f'"other", W/{first.headers["etag"]}'}
        )
        other = await inference.http.get(path, params={"k": 5})

        assert first.headers["cache-control"] == "public, max-age=1"
        assert (again.content, again.headers["etag"]) == (first.content, first.headers["etag"])
        assert (unchanged.status_code, unchanged.content) == (304, b"")
        assert unchanged.headers["etag"] == first.headers["etag"] != other.headers["etag"]
    assert inference.metric("maitred_lookups_total", route="popular", how="remembered") == 1
    assert inference.metric("maitred_lookups_total", route="popular", how="unchanged") == 1
    assert not inference.impressions


async def test_a_changed_catalogue_has_another_etag(inference: LiveInference) -> None:
    before = await inference.http.get("/v1/popular", params={"k": 12})

    await with_newcomers(inference)
    after = await inference.http.get(
        "/v1/popular", params={"k": 12}, headers={"if-none-match": before.headers["etag"]}
    )

    assert after.status_code == 200
    assert "r02" not in ids(after.json())


async def test_every_list_says_until_which_change_of_restaurants_it_is_true(
    inference: LiveInference,
) -> None:
    for name in ("one", "other"):
        await inference.http.put("/v1/restaurants/r03", json={"name": name}, headers=ADMIN)
        version = str(inference.deps.snapshots.now.position)
        known = await inference.http.get("/v1/popular")
        replies = [
            await inference.http.get("/v1/recommendations"),
            await inference.http.post("/v1/recommendations/batch", json={"diners": [{}]}),
            await inference.http.get("/v1/similar/r01"),
            known,
            await inference.http.get(
                "/v1/popular", headers={"If-None-Match": known.headers["etag"]}
            ),
        ]

        assert [reply.status_code for reply in replies] == [200, 200, 200, 200, 304]
        assert {reply.headers["catalogue-version"] for reply in replies} == {version}


async def test_opening_hours_now_are_kept_for_this_minute_only(
    valkey: LiveValkey, tmp_path: Path
) -> None:
    publish(valkey.url, tmp_path)
    clock = ManualClock(datetime(2026, 5, 1, 15, 59, 50, tzinfo=UTC))  # 10:59 in Chicago
    async with serving(tmp_path / "state", valkey.url, clock=clock) as live:
        closed = await live.http.get("/v1/popular", params={"open_at": "now", "k": 12})
        clock.advance(10)
        opened = await live.http.get("/v1/popular", params={"open_at": "now", "k": 12})

    assert (ids(closed.json()), len(ids(opened.json()))) == ([], 10)


@pytest.mark.parametrize("path", ["/v1/similar/r01", "/v1/popular"])
@pytest.mark.parametrize("asked", [{"user_id": "u1"}, {"explore": "false"}, {"kk": 1}, {"k": 0}])
async def test_what_is_personal_or_unknown_is_refused(
    inference: LiveInference, path: str, asked: dict[str, Any]
) -> None:
    reply = await inference.http.get(path, params=asked)

    assert reply.status_code == 422
    assert reply.json()["errors"][0]["field"] == next(iter(asked))


async def test_before_the_first_model_popular_is_empty(valkey: LiveValkey, tmp_path: Path) -> None:
    async with serving(tmp_path / "state", valkey.url) as live:
        reply = await popular(live)

    assert (reply["model_version"], reply["items"]) == (None, [])
