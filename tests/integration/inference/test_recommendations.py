"""What a diner is recommended, asked over HTTP, with a real Valkey behind it."""

from typing import Any

import pytest

from maitred.events import decode
from maitred.features import Kind
from tests.support.inference import HERE, RECOMMENDATIONS, LiveInference, ids, remember, scores
from tests.support.models import HISTORY_ENDS, said_by
from tests.support.servers import LiveValkey
from tests.support.waiting import until

pytest_plugins = ["tests.support.served"]

REPLY = [
    "request_id",
    "model_version",
    "objective",
    "revenue_weight",
    "experiment",
    "arm",
    "rung",
    "degraded",
    "took_ms",
    "filtered",
    "items",
]


async def test_a_known_diner_gets_a_personalised_list(inference: LiveInference) -> None:
    reply = await inference.recommend(user_id="u1", k=4)

    assert list(reply) == REPLY
    assert (reply["rung"], reply["degraded"]) == ("personalised", None)
    assert (reply["objective"], reply["revenue_weight"]) == ("clicks", 0.0)
    assert reply["model_version"] == inference.deps.snapshots.now.versions()["clicks"]
    assert [item["rank"] for item in reply["items"]] == [1, 2, 3, 4]
    assert list(reply["items"][0]) == ["restaurant_id", "rank", "score", "propensity"]


async def test_weight_zero_is_clicks_and_the_other_settings_differ(
    inference: LiveInference,
) -> None:
    asked: dict[str, dict[str, Any]] = {
        "clicks": {"objective": "clicks"},
        "w=0": {"revenue_weight": 0},
        "w=1": {"revenue_weight": 1},
        "revenue": {"objective": "revenue"},
        "balanced": {"objective": "balanced"},
    }

    lists = {
        name: await inference.recommend(user_id="u1", k=12, explore="false", **parameters)
        for name, parameters in asked.items()
    }

    assert scores(lists["w=0"]) == scores(lists["clicks"])
    assert ids(lists["w=0"]) == ids(lists["clicks"])
    assert ids(lists["w=1"]) != ids(lists["clicks"]) != ids(lists["revenue"])
    assert lists["revenue"]["revenue_weight"] is None
    assert lists["revenue"]["model_version"].startswith("revenue-")
    assert lists["balanced"]["revenue_weight"] == 0.25  # the artefact's


async def test_the_same_request_id_gives_the_same_list(inference: LiveInference) -> None:
    async def lists(prefix: str) -> list[list[str]]:
        replies = [
            await inference.recommend(user_id="u1", k=8, request_id=f"{prefix}{i}")
            for i in range(30)
        ]
        return [ids(reply) for reply in replies]

    first, second, other = await lists("a"), await lists("a"), await lists("b")

    assert first == second
    assert len({tuple(found) for found in (*first, *other)}) > 1  # it does explore


async def test_without_exploration_two_calls_are_identical_and_certain(
    inference: LiveInference,
) -> None:
    first = await inference.recommend(user_id="u1", explore="false")
    second = await inference.recommend(user_id="u1", explore="false")

    assert first["items"] == second["items"]
    assert {item["propensity"] for item in first["items"]} == {1.0}
    assert list(scores(first).values()) == sorted(scores(first).values(), reverse=True)


async def test_a_visit_changes_the_scores_of_other_restaurants(
    inference: LiveInference, valkey: LiveValkey
) -> None:
    before = await inference.recommend(user_id="u1", k=12, explore="false")

    remember(valkey.url, "u1", {"r06": Kind.CLICK}, at=HISTORY_ENDS + 60)
    after = await inference.recommend(user_id="u1", k=12, explore="false")

    changed = {name for name in ids(before) if scores(before)[name] != scores(after)[name]}
    assert changed - {"r06"}
    assert ids(after) != ids(before)


async def test_a_dismissed_restaurant_is_not_shown_again(
    inference: LiveInference, valkey: LiveValkey
) -> None:
    before = await inference.recommend(user_id="u1", k=12)

    remember(valkey.url, "u1", {"r01": Kind.DISMISS}, at=HISTORY_ENDS + 60)
    after = await inference.recommend(user_id="u1", k=12)

    assert "r01" in ids(before)
    assert "r01" not in ids(after)
    assert after["filtered"] == {"dismissed": 1}


async def test_a_history_personalises_an_anonymous_request(inference: LiveInference) -> None:
    plain = await inference.post(k=5)
    told = await inference.post(k=5, history=["r05", "nowhere"], explain=True)

    assert plain["rung"] == "popular"
    assert told["rung"] == "personalised"
    texts = {reason["text"] for item in told["items"] for reason in item["reasons"]}
    assert "Because you visited Restaurant 5" in texts


async def test_the_words_of_get_and_post_mean_the_same(inference: LiveInference) -> None:
    got = await inference.recommend(
        user_id="u2", k=3, cuisine=["thai", "diner"], exclude="r02", request_id="same", **HERE
    )
    posted = await inference.post(
        user_id="u2", k=3, cuisine=["thai", "diner"], exclude=["r02"], request_id="same", **HERE
    )

    assert got["items"] == posted["items"]


@pytest.mark.parametrize(
    ("parameters", "rung"),
    [
        ({}, "popular"),
        ({"user_id": "nobody"}, "popular"),
        ({"cuisine": "thai"}, "segment"),
        (HERE, "segment"),
        ({"user_id": "nobody", "cuisine": "thai", **HERE}, "segment"),
    ],
)
async def test_a_stranger_gets_a_lower_rung_and_nothing_ran_short(
    inference: LiveInference, parameters: dict[str, Any], rung: str
) -> None:
    reply = await inference.recommend(**parameters)

    assert (reply["rung"], reply["degraded"]) == (rung, None)
    assert reply["items"]
    assert {item["propensity"] for item in reply["items"]} == {1.0}


async def test_a_strangers_local_time_picks_the_part_of_the_day(inference: LiveInference) -> None:
    dinner = await inference.post(k=4, context={"local_time": "2026-05-01T19:30:00"}, **HERE)
    lunch = await inference.post(k=4, context={"local_time": "2026-05-01T12:30:00"}, **HERE)

    assert ids(dinner) == ["r00", "r01", "r02", "r03"]
    assert ids(lunch) == ["r00", "r02", "r04", "r06"]


async def test_fewer_than_k_are_a_reply_that_says_what_took_the_others(
    inference: LiveInference,
) -> None:
    reply = await inference.recommend(
        user_id="u1",
        k=10,
        cuisine="italian",
        price_max=2,
        open_at="2026-05-04T12:00",
        exclude="r00",
    )

    assert ids(reply) == ["r09"]
    assert reply["filtered"] == {"exclude": 1, "cuisine": 8, "price_max": 2}


async def test_a_segment_with_too_few_goes_on_with_what_is_popular(
    inference: LiveInference,
) -> None:
    reply = await inference.recommend(k=12, explain="true", **HERE)

    assert reply["rung"] == "segment"
    assert len(set(ids(reply))) == 12
    codes = [item["reasons"][0]["code"] for item in reply["items"]]
    assert codes == sorted(codes, reverse=True)
    assert set(codes) == {"segment", "popular"}


@pytest.mark.parametrize("explore", ["true", "false"])
@pytest.mark.parametrize(
    "parameters",
    [
        {"user_id": "u1"},
        {"user_id": "u1", "revenue_weight": 0.5},
        {"user_id": "u1", "objective": "revenue"},
        {"revenue_weight": 1},
        {"objective": "revenue", "cuisine": "thai"},
        {"revenue_weight": 0.5, **HERE},
    ],
)
async def test_contributions_add_up_to_the_score(
    inference: LiveInference, parameters: dict[str, Any], explore: str
) -> None:
    reply = await inference.recommend(k=12, explain="true", explore=explore, **parameters)

    for item in reply["items"]:
        total = sum(reason["contribution"] for reason in item["reasons"])
        assert total == pytest.approx(item["score"], abs=1e-12)
    codes = {reason["code"] for item in reply["items"] for reason in item["reasons"]}
    assert ("revenue_weight" in codes) == ("revenue_weight" in parameters)


async def test_a_cause_is_the_visited_restaurant_that_says_most(inference: LiveInference) -> None:
    reply = await inference.recommend(user_id="u0", k=12, explain="true", explore="false")

    model = inference.deps.snapshots.now.clicks.model  # type: ignore[union-attr]
    visited = (0, 3, 7)  # of u0
    for item in reply["items"]:
        at = model.catalogue.index[item["restaurant_id"]]
        weights = {
            v: float(w) for v in visited for i, w in zip(*said_by(model, v), strict=True) if i == at
        }
        texts = {r["text"] for r in item["reasons"] if r["code"] == "because_you_visited"}
        best = max(weights, key=lambda v: weights[v], default=None)
        expected = set() if best is None else {f"Because you visited Restaurant {best}"}
        assert texts == expected


async def test_a_restaurant_is_shown_by_its_id(inference: LiveInference) -> None:
    known = await inference.http.get("/v1/restaurants/r02")
    unknown = await inference.http.get("/v1/restaurants/nowhere")

    assert known.json()["name"] == "Restaurant 2"
    assert known.json()["hours"] == ["thu 18:00-02:00", "fri 18:00-02:00", "sat 18:00-02:00"]
    assert unknown.status_code == 404
    assert unknown.json()["errors"] == [{"field": "restaurant_id", "reason": "unknown"}]


async def test_nobody_sees_a_head_so_there_is_none_and_no_impression(
    inference: LiveInference,
) -> None:
    refused = await inference.http.head(RECOMMENDATIONS, params={"user_id": "u1"})

    await inference.recommend(user_id="u1", request_id="seen")
    await until(lambda: bool(inference.impressions))
    assert refused.status_code == 405
    assert set(refused.headers["allow"].split(", ")) == {"GET", "POST"}
    assert [decode(event).request_id for event in inference.impressions] == ["seen"]
