"""With a key, whoever asks is known by pseudonym behind the door; models of other keys are refused."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from maitred.events import decode
from maitred.features import Kind
from maitred.ids import key_fingerprint, pseudonym
from tests.support.inference import (
    ADMIN,
    LiveInference,
    ids,
    publish,
    remember,
    serving,
)
from tests.support.servers import LiveValkey
from tests.support.waiting import until

KEY = "a key that nobody guesses"
ANNA = "anna@example.org"
BEHIND = pseudonym(ANNA, KEY)


@pytest.fixture
async def keyed(valkey: LiveValkey, tmp_path: Path) -> AsyncIterator[LiveInference]:
    publish(valkey.url, tmp_path, key=KEY)
    async with serving(tmp_path / "state", valkey.url, pseudonym_key=KEY) as live:
        yield live


async def test_a_diner_is_known_by_pseudonym_however_asked(
    keyed: LiveInference, valkey: LiveValkey
) -> None:
    remember(valkey.url, BEHIND, {"r03": Kind.CHOICE}, at=1.0)

    by_get = await keyed.recommend(user_id=ANNA, explore=False, request_id="q1")
    by_post = await keyed.post(user_id=ANNA, explore=False, request_id="q1")
    batch = await keyed.http.post(
        "/v1/recommendations/batch",
        json={"diners": [{"user_id": ANNA, "explore": False, "request_id": "q1"}]},
    )
    stranger = await keyed.recommend(user_id=BEHIND, explore=False)  # no pseudonym of ours

    [in_batch] = batch.json()["replies"]
    assert by_get["rung"] == by_post["rung"] == in_batch["rung"] == "personalised"
    assert ids(by_get) == ids(by_post) == ids(in_batch)
    assert stranger["rung"] != "personalised"


async def test_impressions_name_the_pseudonym_and_never_the_diner(keyed: LiveInference) -> None:
    await keyed.recommend(user_id=ANNA)
    await until(lambda: bool(keyed.impressions))

    assert [decode(raw).user_id for raw in keyed.impressions] == [BEHIND]
    assert not any(b"anna" in raw for raw in keyed.impressions)


@pytest.mark.parametrize("other", [None, "a key of somebody else"])
async def test_a_model_of_another_key_is_refused_and_the_old_one_serves(
    keyed: LiveInference, valkey: LiveValkey, tmp_path: Path, other: str | None
) -> None:
    before = keyed.deps.snapshots.now.versions()["clicks"]
    foreign = publish(valkey.url, tmp_path / "foreign", seed=2, key=other)

    await until(lambda: bool(keyed.deps.watch.refusals))

    [refused] = (await keyed.http.get("/v1/models", headers=ADMIN)).json()["refused"]
    assert refused["version"] == foreign
    assert "MAITRED_PSEUDONYM_KEY" in refused["reason"] or "not of" in refused["reason"]
    assert (await keyed.recommend(user_id=ANNA))["model_version"] == before
    assert keyed.metric("maitred_model_swaps_total", objective="clicks", outcome="refused") >= 1


async def test_without_a_key_a_model_of_pseudonyms_is_refused(
    valkey: LiveValkey, tmp_path: Path
) -> None:
    publish(valkey.url, tmp_path, key=KEY)

    async with serving(tmp_path / "state", valkey.url) as live:
        reply = await live.recommend(user_id=ANNA)
        [refused] = live.deps.watch.refusals.values()

    assert (reply["rung"], reply["degraded"]) == ("static", "no_model")
    assert f"pseudonyms of the key {key_fingerprint(KEY)}" in refused.reason
