"""Workers, models and restaurants change while requests go on: none fails, and every score is right."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import orjson
import pytest

from loadtests.scale import DINERS, write_model
from loadtests.served import Service, publish, serving
from loadtests.wire import Exchange, Pool, address_of, get_request
from maitred.artifact import Model, Shortlist, Taste, feature_matrix, load, taste_of
from maitred.artifact.candidates import neighbour_scores
from maitred.artifact.folder import read_diners
from maitred.clock import SystemClock
from maitred.features import EMPTY
from tests.support.servers import LiveValkey

RESTAURANTS = 2_000
BULK, ROWS_A_CALL = 100_000, 1_000
RATE_PER_S = 60.0
CLOCK = SystemClock()


class Replies:
    """Asks for one diner after another at a fixed rate, and keeps what comes."""

    def __init__(self, url: str) -> None:
        self.address = address_of(url)
        self.done: list[Exchange] = []

    async def until(self, is_over: Callable[[], bool]) -> None:
        pool = Pool(self.address, 32, CLOCK, self.done.append)
        await pool.warm(8)
        started, number = CLOCK.monotonic(), 0
        while not is_over():
            target = (
                f"/v1/recommendations?user_id={diner(number)}&k=20&explore=false&traffic=preview"
            )
            payload = get_request(self.address, target)
            pool.submit(Exchange(number, payload, CLOCK.monotonic() + 10.0))
            number += 1
            await CLOCK.wait(max(started + number / RATE_PER_S - CLOCK.monotonic(), 0.0))
            pool.give_up(CLOCK.monotonic())
        while pool.pending:
            await CLOCK.wait(0.01)
            pool.give_up(CLOCK.monotonic())
        await pool.close()


def diner(number: int) -> str:
    return f"u{number % DINERS:04}"


def write_restaurants(service: Service, key: str) -> None:
    """Write a hundred thousand restaurants that no model knows."""
    with httpx.Client(base_url=service.url, trust_env=False, timeout=60.0) as http:
        for start in range(0, BULK, ROWS_A_CALL):
            rows = [
                {"restaurant_id": f"new-{i:06}", "cuisines": [f"cuisine-{i % 40:02}"], "price_level": 1 + i % 4,
                 "lat": 48.8 + i % 1000 / 1e4, "lon": 9.2 + i // 1000 / 1e4}
                for i in range(start, start + ROWS_A_CALL)
            ]  # fmt: skip
            reply = http.post(
                "/v1/restaurants",
                json={"restaurants": rows},
                headers={"Authorization": f"Bearer {key}"},
            )
            assert reply.status_code == 200, reply.text


def change_everything(service: Service, redis_url: str, folders: list[Path], key: str) -> int:
    """Restart the workers one by one, swap the model and back, and load restaurants meanwhile.

    Returns what is answered of the last restaurant that was written.
    """
    CLOCK.sleep(1.0)
    os.kill(service.pid, signal.SIGHUP)
    CLOCK.sleep(4.0)
    publish(redis_url, folders[1])
    write_restaurants(service, key)
    publish(redis_url, folders[0])
    CLOCK.sleep(2.0)
    last = httpx.get(f"{service.url}/v1/restaurants/new-{BULK - 1:06}", trust_env=False)
    return last.status_code


@pytest.mark.timeout(280)
async def test_no_request_fails_and_every_score_can_be_computed_again(
    own_valkey: LiveValkey, tmp_path: Path
) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    versions = [write_model(f, RESTAURANTS, seed=s) for s, f in enumerate(folders, start=7)]
    publish(own_valkey.url, folders[0])

    with serving(own_valkey.url, tmp_path / "state", CLOCK, workers=2) as service:
        key = (tmp_path / "state" / "admin.key").read_text().strip()
        replies = Replies(service.url)
        changes = asyncio.create_task(
            asyncio.to_thread(change_everything, service, own_valkey.url, folders, key)
        )
        await replies.until(changes.done)
        last = await changes

    assert [e.status for e in replies.done if e.status != 200] == []
    bodies = {e.number: orjson.loads(e.body) for e in replies.done}
    assert {body["model_version"] for body in bodies.values()} == set(versions)
    known = {v: Known(f) for v, f in zip(versions, folders, strict=True)}
    wrong = [n for n, body in bodies.items() if not known[body["model_version"]].agrees(n, body)]
    assert wrong == []
    assert last == 200


class Known:
    """A model as its folder has it, and what its scores must be."""

    def __init__(self, folder: Path) -> None:
        self.model: Model = load(folder)
        self.rows = dict(read_diners(folder))

    def agrees(self, number: int, body: dict[str, object]) -> bool:
        """Whether a reply's scores are the model's utilities but for one normaliser."""
        index = self.model.catalogue.index
        scores = {
            row: item["score"]
            for item in body["items"]  # type: ignore[attr-defined]
            if (row := index.get(item["restaurant_id"])) is not None
        }
        rows = np.array(sorted(scores), dtype=np.intp)
        told = np.array([scores[row] for row in rows.tolist()])
        if body["rung"] != "personalised":
            return bool(np.allclose(told, self.model.log_shares_of(rows), atol=1e-9))
        taste = taste_of(self.rows[diner(number)], EMPTY, index)
        rest = told - self._utilities(taste, rows)
        return bool(rest.size == 0 or np.ptp(rest) < 1e-4)

    def _utilities(self, taste: Taste, rows: np.ndarray) -> np.ndarray:
        assert taste.vector is not None
        said = neighbour_scores(self.model, taste, rows)
        listed = Shortlist(rows, said, self.model.vectors[rows] @ taste.vector)
        return feature_matrix(self.model, taste, listed) @ self.model.weights
