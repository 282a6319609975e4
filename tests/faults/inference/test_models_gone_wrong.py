"""Corrupt, foreign and missing models are refused, and whoever serves goes on serving."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from maitred.artifact.folder import MANIFEST
from maitred.store import keys
from tests.support.inference import ADMIN, LiveInference, publish, serving
from tests.support.models import tiny_run
from tests.support.servers import LiveValkey
from tests.support.waiting import until

pytest_plugins = ["tests.support.served"]

Spoil = Callable[[redis.Redis, str], None]


def flip_a_byte(client: redis.Redis, version: str) -> None:
    name = keys.chunk(version, "vectors.npy", 0)
    raw = bytearray(client.get(name))  # type: ignore[arg-type]
    raw[-1] ^= 1
    client.set(name, bytes(raw))


def lose_a_chunk(client: redis.Redis, version: str) -> None:
    client.delete(keys.chunk(version, "popularity.npy", 0))


def swap_the_manifest(client: redis.Redis, version: str) -> None:
    raw = client.get(keys.manifest(version))
    client.set(keys.manifest(version), raw.replace(b'"tiny"', b'"evil"'))  # type: ignore[union-attr]


def lose_everything(client: redis.Redis, version: str) -> None:
    client.delete(keys.manifest(version))


@pytest.mark.parametrize("spoil", [flip_a_byte, lose_a_chunk, swap_the_manifest, lose_everything])
async def test_a_spoilt_model_is_refused_and_the_old_one_stays(
    inference: LiveInference, valkey: LiveValkey, tmp_path: Path, spoil: Spoil
) -> None:
    before = inference.deps.snapshots.now.versions()["clicks"]
    client = redis.Redis.from_url(valkey.url)
    pointer = client.get(keys.CURRENT)

    newer = publish(valkey.url, tmp_path, seed=2)
    after = client.get(keys.CURRENT)
    client.set(keys.CURRENT, pointer)  # type: ignore[arg-type]
    spoil(client, newer)
    client.set(keys.CURRENT, after)  # type: ignore[arg-type]
    client.close()
    await until(lambda: bool(inference.deps.watch.refusals), within_s=3)

    reply = await inference.recommend(user_id="u1")
    assert (reply["model_version"], reply["rung"]) == (before, "personalised")
    assert inference.metric("maitred_model_swaps_total", objective="clicks", outcome="refused") == 1
    assert not (tmp_path / "state/models" / newer).exists()
    assert list((tmp_path / "state/models").glob("*.partial")) == []


async def test_a_refused_model_is_reported_to_the_administrator(
    inference: LiveInference, valkey: LiveValkey, tmp_path: Path
) -> None:
    client = redis.Redis.from_url(valkey.url)
    newer = publish(valkey.url, tmp_path, seed=2)
    flip_a_byte(client, newer)
    (tmp_path / "other").mkdir()
    client.close()
    async with serving(tmp_path / "other", valkey.url) as other:
        listing = (await other.http.get("/v1/models", headers=ADMIN)).json()

    assert [refusal["version"] for refusal in listing["refused"]] == [newer]
    assert "sha256" in listing["refused"][0]["reason"]
    assert listing["serving"]["clicks"] is None
    assert inference.deps.watch.is_ready


async def test_a_folder_that_was_damaged_on_disk_is_downloaded_again(
    valkey: LiveValkey, tmp_path: Path
) -> None:
    version = publish(valkey.url, tmp_path)
    async with serving(tmp_path / "state", valkey.url):
        pass
    file = tmp_path / "state/models" / version / "vectors.npy"
    good = file.read_bytes()
    file.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))

    async with serving(tmp_path / "state", valkey.url) as inference:
        reply = await inference.recommend(user_id="u1")

    assert reply["model_version"] == version
    assert file.read_bytes() == good


async def test_what_a_crash_left_half_written_is_replaced(
    valkey: LiveValkey, tmp_path: Path
) -> None:
    version = publish(valkey.url, tmp_path)
    partial = tmp_path / "state/models" / f"{version}.partial"
    partial.mkdir(parents=True)
    (partial / MANIFEST).write_text("{")

    async with serving(tmp_path / "state", valkey.url) as inference:
        reply = await inference.recommend(user_id="u1")

    assert reply["model_version"] == version
    assert not partial.exists()


async def test_no_request_fails_while_models_are_swapped(
    inference: LiveInference, valkey: LiveValkey, tmp_path: Path
) -> None:
    replies: list[dict[str, object]] = []
    done = asyncio.Event()

    async def ask() -> None:
        while not done.is_set():
            replies.append(await inference.recommend(user_id="u1", traffic="load"))
            await asyncio.sleep(0.002)

    askers = [asyncio.create_task(ask()) for _ in range(3)]
    versions = {inference.deps.snapshots.now.versions()["clicks"]}
    for seed in (2, 3):
        newer = await asyncio.to_thread(publish, valkey.url, tmp_path, "clicks", seed)
        versions.add(newer)
        await until(lambda v=newer: replies[-1]["model_version"] == v, within_s=2)  # type: ignore[misc]
    done.set()
    await asyncio.gather(*askers)

    assert {reply["model_version"] for reply in replies} == versions
    assert {len(reply["items"]) for reply in replies} == {10}  # type: ignore[arg-type]
    # publishing shares this process's interpreter, which may cost some replies their person
    personalised = [reply for reply in replies if reply["rung"] == "personalised"]
    assert len(personalised) > 0.8 * len(replies)
    assert inference.metric("maitred_model_swaps_total", objective="clicks", outcome="swapped") == 3


async def test_old_folders_leave_and_the_one_to_roll_back_to_stays(
    inference: LiveInference, valkey: LiveValkey, tmp_path: Path
) -> None:
    first = inference.deps.snapshots.now.versions()["clicks"]
    second = publish(valkey.url, tmp_path, seed=2)
    await until(lambda: inference.deps.snapshots.now.versions()["clicks"] == second)
    third = publish(valkey.url, tmp_path, seed=3)
    await until(lambda: inference.deps.snapshots.now.versions()["clicks"] == third)
    models = tmp_path / "state/models"
    await until(lambda: not (models / str(first)).exists())

    left = {path.name for path in models.iterdir() if path.name.startswith("clicks")}

    assert left == {second, third}


def test_a_tiny_run_has_another_version_for_another_seed(tmp_path: Path) -> None:
    first, second = tiny_run(tmp_path / "a"), tiny_run(tmp_path / "b", seed=2)

    assert (first / "model" / MANIFEST).read_bytes() != (second / "model" / MANIFEST).read_bytes()
