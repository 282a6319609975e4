"""What a request may say about its moment: policies, pages, what was seen, how much of one kind."""

import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from maitred.artifact import Verdict
from maitred.errors import UsageError
from maitred.features import Kind
from maitred.settings import child_environment
from maitred.store import models
from maitred.store.client import connect
from services.inference.policies import load_policies
from tests.support.inference import RECOMMENDATIONS, LiveInference, ids, remember, serving
from tests.support.models import HISTORY_ENDS
from tests.support.servers import LiveValkey
from tests.support.wide import PLACES, now_true, wide_run, wide_served

pytest_plugins = ["tests.support.served"]

LAT, LON, _ = PLACES["Chicago"]
HERE = {"lat": LAT, "lon": LON}


@pytest.fixture
async def city(valkey: LiveValkey, tmp_path: Path) -> AsyncIterator[LiveInference]:
    """The wide model, served."""
    verdict = Verdict(passed=True, champion=None, checks=[])
    with connect(valkey.url) as redis:
        models.promote(redis, models.publish(redis, wide_run(tmp_path) / "model", verdict))
    async with serving(tmp_path / "state", valkey.url) as live:
        yield live


def cuisines(reply: dict[str, Any]) -> Counter[str | None]:
    record = wide_served().catalogue.record
    found = [record(name) for name in ids(reply)]
    return Counter(next(iter(r.cuisines), None) for r in found if r)


async def test_a_policy_fills_in_what_the_request_leaves_open(city: LiveInference) -> None:
    plain = await city.http.get(RECOMMENDATIONS, params={"user_id": "u1"})
    home = await city.http.get(RECOMMENDATIONS, params={"user_id": "u1", "policy": "home"})
    own = await city.http.get(
        RECOMMENDATIONS, params={"user_id": "u1", "policy": "home", "k": 3, "objective": "clicks"}
    )

    assert "Maitred-Policy" not in plain.headers
    assert home.headers["Maitred-Policy"] == own.headers["Maitred-Policy"] == "home"
    assert (len(home.json()["items"]), home.json()["objective"]) == (20, "balanced")
    assert (len(own.json()["items"]), own.json()["objective"]) == (3, "clicks")
    assert list(home.json()) == list(plain.json())  # a policy adds no member
    assert max(n for name, n in cuisines(home.json()).items() if name) <= 4


async def test_an_impression_says_which_policy_made_it(valkey: LiveValkey, tmp_path: Path) -> None:
    seen: list[bytes] = []
    verdict = Verdict(passed=True, champion=None, checks=[])
    with connect(valkey.url) as redis:
        models.promote(redis, models.publish(redis, wide_run(tmp_path) / "model", verdict))

    def keep(_key: str, value: bytes) -> bool:
        seen.append(value)
        return True

    async with serving(tmp_path / "state", valkey.url, outlet=keep) as live:
        await live.recommend(user_id="u1", policy="discover")
        await live.recommend(user_id="u1", revenue_weight=0.5)

    events = [orjson.loads(value) for value in seen]
    assert [event["policy"] for event in events] == ["discover:clicks", "w=0.5"]
    assert [event["temperature"] for event in events] == [0.3, 0.1]


async def test_what_needs_a_place_says_nothing_about_a_request_without_one(
    city: LiveInference,
) -> None:
    anywhere = await city.recommend(policy="order-in", k=100)
    here = await city.recommend(policy="order-in", k=100, **HERE)

    assert "delivers" not in anywhere["filtered"]
    assert here["filtered"]["delivers"] > 0


async def test_a_requests_weight_settles_the_objective_too(city: LiveInference) -> None:
    reply = await city.recommend(user_id="u1", policy="home", revenue_weight=0.5)

    assert (reply["objective"], reply["revenue_weight"]) == ("clicks", 0.5)


async def test_policies_can_be_looked_up_as_their_file_says_them(city: LiveInference) -> None:
    reply = await city.http.get("/v1/policies")

    policies = {policy["name"]: policy for policy in reply.json()}
    assert list(policies) == list(load_policies(None))
    assert policies["dinner-tonight"]["parameters"]["open_at"] == "now"
    assert all(policy["summary"] for policy in policies.values())


async def test_a_team_has_policies_of_its_own(valkey: LiveValkey, tmp_path: Path) -> None:
    file = tmp_path / "ours.toml"
    file.write_text("schema = 1\n[policy.lunch]\nk = 2\nprice_max = 1\nexplore = false\n")
    verdict = Verdict(passed=True, champion=None, checks=[])
    with connect(valkey.url) as redis:
        models.promote(redis, models.publish(redis, wide_run(tmp_path) / "model", verdict))

    async with serving(tmp_path / "state", valkey.url, policies=file) as live:
        lunch = await live.recommend(user_id="u1", policy="lunch")
        refused = await live.http.get(RECOMMENDATIONS, params={"policy": "home"})

    assert len(lunch["items"]) == 2
    assert lunch["filtered"]["price_max"] > 0
    assert refused.status_code == 422
    assert refused.json()["errors"] == [{"field": "policy", "reason": "unknown; there are lunch"}]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("schema = 2", "schema"),
        ("k = 10", "k"),
        ("[policy.Home]", "Home"),
        ("[policy.home]\nk = 0", "home.k"),
        ("[policy.home]\nuser_id = 'u1'", "home.user_id"),
        ("[policy.home]\ncuisine = 'Thai'", "home.cuisine"),
        ("[policy.home]\nopen_at = 'tea'", "home.open_at"),
        ("[policy.home]\ntemperature = 9", "home.temperature"),
        ("[policy.home]\ntemperature = nan", "home.temperature"),
        ("[policy.home]\nsummary = 3", "home.summary"),
        ("[policy.home]\nobjective = 'clicks'\nrevenue_weight = 1", "home.revenue_weight"),
        ("[policy", "policies"),
    ],
)
def test_a_file_of_policies_that_means_nothing_is_refused_by_name(
    tmp_path: Path, text: str, field: str
) -> None:
    file = tmp_path / "policies.toml"
    file.write_text(text if "schema" in text else f"schema = 1\n{text}")

    with pytest.raises(UsageError) as refused:
        load_policies(file)

    assert [name for name, _ in refused.value.fields] == [field]
    assert str(file) in str(refused.value)


def test_the_program_refuses_a_missing_file_before_it_serves(tmp_path: Path) -> None:
    environment = child_environment(policies=tmp_path / "nowhere.toml", state_dir=tmp_path)

    run = subprocess.run(
        [sys.executable, "-m", "maitred", "serve"],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert run.returncode == 2
    assert "nowhere.toml: policies: cannot be read" in run.stderr
    assert "next: " in run.stderr


async def test_what_the_diner_did_before_is_masked(
    inference: LiveInference, valkey: LiveValkey
) -> None:
    remember(valkey.url, "u1", {"r09": Kind.CLICK, "r10": Kind.CHOICE}, at=HISTORY_ENDS + 60)

    kept = await inference.recommend(user_id="u1", k=12)
    masked = await inference.post(user_id="u1", k=12, seen="mask", history=["r00"])

    known = {"r01", "r04", "r08", "r09", "r10", "r00"}  # the model's row, the state, the client's
    assert known <= set(ids(kept))
    assert set(ids(masked)) == set(ids(kept)) - known
    assert masked["filtered"] == {"seen": 6}


async def test_a_stranger_to_redis_is_masked_by_what_the_client_says(city: LiveInference) -> None:
    reply = await city.post(k=100, seen="mask", history=["r00450", "r00451"])

    assert reply["filtered"] == {"seen": 2}


@pytest.mark.parametrize("user_id", ["u1", "nobody"])
async def test_pages_go_through_the_whole_city(city: LiveInference, user_id: str) -> None:
    pages, cursor = [], "start"
    while cursor is not None:
        reply = await city.recommend(user_id=user_id, k=45, cursor=cursor)
        pages.append(ids(reply))
        cursor = reply["cursor"]

    shown = [name for page in pages for name in page]
    assert len(shown) == len(set(shown)) == 300
    assert [len(page) for page in pages] == [45] * 6 + [30]


async def test_only_a_paged_reply_has_a_cursor(city: LiveInference) -> None:
    plain = await city.recommend(user_id="u1")
    paged = await city.recommend(user_id="u1", cursor="start")

    assert [*plain, "cursor"] == list(paged)


async def test_a_cap_is_kept_and_gives_way_before_a_list_is_short(city: LiveInference) -> None:
    free = await city.recommend(user_id="u1", k=30, explore="false")
    capped = await city.recommend(user_id="u1", k=12, max_per_cuisine=1)
    alone = await city.recommend(user_id="u1", k=10, cuisine="Thai", max_per_cuisine=1)

    assert max(n for name, n in cuisines(free).items() if name) > 1
    assert max(n for name, n in cuisines(capped).items() if name) == 1
    assert len(alone["items"]) == 10
    assert any(item["propensity"] < 1 for item in capped["items"])


async def test_attributes_and_delivery_are_hard_filters(city: LiveInference) -> None:
    reply = await city.recommend(
        user_id="u1", k=100, attribute=["vegan", "halal"], delivers="true", **HERE
    )

    assert reply["items"]
    records = {r.restaurant_id: r for r in now_true(wide_served())}
    for name in ids(reply):
        assert {"vegan", "halal"} <= set(records[name].attributes)
        assert records[name].delivery_km is not None


@pytest.mark.parametrize("objective", ["clicks", "revenue"])
@pytest.mark.parametrize(
    ("query", "field", "said"),
    [
        ({"cuisine": "thai"}, "cuisine", "no restaurant has 'thai'; did you mean 'Thai'?"),
        ({"attribute": "vegen"}, "attribute", "did you mean 'vegan'?"),
        ({"cuisine": "\x00\uffff"}, "cuisine", "no restaurant has '\\x00\\uffff'"),
    ],
)
async def test_an_unknown_word_is_named_with_those_like_it(
    city: LiveInference, objective: str, query: dict[str, str], field: str, said: str
) -> None:
    reply = await city.http.get(RECOMMENDATIONS, params={"objective": objective, **query})

    assert reply.status_code == 422
    [error] = reply.json()["errors"]
    assert error["field"] == field
    assert said in error["reason"]


async def test_without_a_model_any_word_passes(valkey: LiveValkey, tmp_path: Path) -> None:
    async with serving(tmp_path / "state", valkey.url) as live:
        reply = await live.recommend(cuisine="anything", cursor="start", seen="mask")

    assert (reply["items"], reply["cursor"], reply["degraded"]) == ([], None, "no_model")
