"""Workers, models and restaurants change while requests go on: none fails, and every score is right."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import orjson
import pytest

from loadtests.scale import DINERS, write_model
from loadtests.served import Service, publish, serving
from loadtests.wire import Exchange, Pool, address_of, get_request
from maitred.artifact import Shortlist, Taste, feature_matrix, load, taste_of
from maitred.artifact.candidates import neighbour_scores
from maitred.artifact.folder import read_diners
from maitred.catalogue import Overlay, Restaurant
from maitred.clock import SystemClock
from maitred.features import EMPTY
from maitred.store.catalogue import NOWHERE
from services.inference.snapshot import News, Served
from tests.support.servers import LiveValkey

RESTAURANTS = 2_000
BULK, ROWS_A_CALL = 100_000, 1_000
RATE_PER_S = 60.0
K = 20
EVERYWHERE = f"k={K}&explore=false&traffic=preview"
AMONG_NEWCOMERS = f"{EVERYWHERE}&lat=48.87&lon=9.205&radius_km=0.15&max_per_cuisine=1"
"""Where the models know no restaurant; one of a cuisine, for those of one kind score the same."""
TOLERANCES = {"personalised": 1e-4, "popular": 1e-9, "static": 1e-9}
CLOCK = SystemClock()


class Replies:
    """Asks for one diner after another at a fixed rate, and keeps what comes."""

    def __init__(self, url: str) -> None:
        self.address = address_of(url)
        self.done: list[Exchange] = []
        self.asked = 0

    async def until(self, is_over: Callable[[], bool]) -> None:
        pool = Pool(self.address, 32, CLOCK, self.done.append)
        await pool.warm(8)
        started = CLOCK.monotonic()
        while not is_over():
            wanted = AMONG_NEWCOMERS if is_among_newcomers(self.asked) else EVERYWHERE
            target = f"/v1/recommendations?user_id={diner(self.asked)}&{wanted}"
            payload = get_request(self.address, target)
            pool.submit(Exchange(self.asked, payload, CLOCK.monotonic() + 10.0))
            self.asked += 1
            await CLOCK.wait(max(started + self.asked / RATE_PER_S - CLOCK.monotonic(), 0.0))
            pool.give_up(CLOCK.monotonic())
        while pool.pending:
            await CLOCK.wait(0.01)
            pool.give_up(CLOCK.monotonic())
        await pool.close()


def diner(number: int) -> str:
    return f"u{number % DINERS:04}"


def is_among_newcomers(number: int) -> bool:
    return number % 4 == 3


def newcomer(number: int) -> Restaurant:
    return Restaurant(
        f"new-{number:06}",
        cuisines=(f"cuisine-{number % 40:02}",),
        price_level=1 + number % 4,
        lat=48.8 + number % 1000 / 1e4,
        lon=9.2 + number // 1000 / 1e4,
    )


def write_restaurants(service: Service, key: str) -> None:
    """Write a hundred thousand restaurants that no model knows."""
    with httpx.Client(base_url=service.url, trust_env=False, timeout=60.0) as http:
        for start in range(0, BULK, ROWS_A_CALL):
            rows = [
                {"restaurant_id": r.restaurant_id, "cuisines": r.cuisines,
                 "price_level": r.price_level, "lat": r.lat, "lon": r.lon}
                for r in map(newcomer, range(start, start + ROWS_A_CALL))
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

    assert last == 200
    assert [e.status for e in replies.done if e.status != 200] == []
    bodies = {e.number: orjson.loads(e.body) for e in replies.done}
    assert sorted(bodies) == list(range(replies.asked))
    assert {body["model_version"] for body in bodies.values()} == set(versions)
    known = {v: Known(f) for v, f in zip(versions, folders, strict=True)}
    compared = {n: known[body["model_version"]].compared(n, body) for n, body in bodies.items()}
    assert_much_was_compared(bodies, compared)
    wrong = {n: c for n, c in compared.items() if (np.abs(c) > TOLERANCES[bodies[n]["rung"]]).any()}
    assert wrong == {}


def assert_much_was_compared(
    bodies: dict[int, dict[str, Any]], compared: dict[int, np.ndarray]
) -> None:
    """Fail unless every item was: twenty a reply, most personalised, hundreds of newcomers."""
    everywhere = [n for n in bodies if not is_among_newcomers(n)]
    newcomers = [compared[n].size for n in bodies if is_among_newcomers(n)]
    personalised = [body for body in bodies.values() if body["rung"] == "personalised"]
    assert len(bodies) >= 5 * RATE_PER_S
    assert {compared[n].size for n in everywhere} == {K}
    assert sum(newcomers) == sum(len(bodies[n]["items"]) for n in bodies if is_among_newcomers(n))
    assert newcomers.count(K) >= RATE_PER_S / 4
    assert len(personalised) >= len(bodies) / 2


class Known:
    """A model as its folder has it, the newcomers it never saw, and what their scores must be."""

    def __init__(self, folder: Path) -> None:
        newcomers = Overlay.of(map(newcomer, range(BULK)))
        self.served = Served.of(load(folder)).then(News(newcomers, newcomers, NOWHERE))
        self.rows = dict(read_diners(folder))

    def compared(self, number: int, body: dict[str, Any]) -> np.ndarray:
        """How far each item's score is from the model's, but for one normaliser of a reply."""
        index = self.served.catalogue.index
        scores = {index[item["restaurant_id"]]: item["score"] for item in body["items"]}
        rows = np.array(sorted(scores), dtype=np.intp)
        told = np.array([scores[row] for row in rows.tolist()])
        if body["rung"] != "personalised":
            return told - self.served.model.log_shares_of(rows)
        rest = told - self._utilities(taste_of(self.rows[diner(number)], EMPTY, index), rows)
        return rest - rest[:1]

    def _utilities(self, taste: Taste, rows: np.ndarray) -> np.ndarray:
        assert taste.vector is not None
        model, vector = self.served.model, taste.vector
        said = neighbour_scores(model, taste, rows)
        products = model.read(rows, lambda known: model.vectors[known] @ vector)
        return feature_matrix(model, taste, Shortlist(rows, said, products)) @ model.weights
