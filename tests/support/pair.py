"""Two workers on one Valkey, restaurants that change in the first, and what both then say."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from tests.support.inference import ADMIN, HERE, LiveInference, ids
from tests.support.waiting import until

RUNGS: dict[str, dict[str, Any]] = {
    "personalised": {"user_id": "u1"},
    "segment": dict(HERE),
    "popular": {},
}


@dataclass
class Pair:
    """Two workers; writes go to the first."""

    workers: tuple[LiveInference, LiveInference]

    async def put(self, restaurant_id: str, /, **fields: Any) -> httpx.Response:  # noqa: ANN401
        path = f"/v1/restaurants/{quote(restaurant_id, safe='')}"
        return await self.workers[0].http.put(path, json=fields, headers=ADMIN)

    async def delete(self, restaurant_id: str, **headers: str) -> httpx.Response:
        path = f"/v1/restaurants/{quote(restaurant_id, safe='')}"
        return await self.workers[0].http.delete(path, headers=ADMIN | headers)

    async def post(self, rows: list[Any]) -> httpx.Response:
        return await self.workers[0].http.post(
            "/v1/restaurants", json={"restaurants": rows}, headers=ADMIN
        )


async def known(worker: LiveInference, restaurant_id: str) -> dict[str, Any] | None:
    reply = await worker.http.get(f"/v1/restaurants/{quote(restaurant_id, safe='')}")
    assert reply.status_code in {200, 404}
    return dict(reply.json()) if reply.status_code == 200 else None


async def reads(worker: LiveInference, name: str, expected: dict[str, Any] | None) -> bool:
    return await known(worker, name) == expected


async def reads_name(worker: LiveInference, restaurant_id: str, name: str) -> bool:
    found = await known(worker, restaurant_id)
    return found is not None and (found["restaurant_id"], found["name"]) == (restaurant_id, name)


async def lists(worker: LiveInference, **parameters: Any) -> dict[str, tuple[set[str], str]]:  # noqa: ANN401
    """What each rung shows of all twelve restaurants: (ids, rung)."""
    found = {}
    for rung, asked in RUNGS.items():
        reply = await worker.recommend(k=20, **(asked | parameters))
        found[rung] = (set(ids(reply)), reply["rung"])
    return found


async def shown_by_all(worker: LiveInference, name: str, **parameters: Any) -> set[bool]:  # noqa: ANN401
    return {name in names for names, _ in (await lists(worker, **parameters)).values()}


async def becomes(pair: Pair, name: str, *, shown: bool, **parameters: Any) -> float:  # noqa: ANN401
    """Wait until both workers show it, or not, on every rung; return the seconds it took."""

    async def right() -> bool:
        return all(
            [await shown_by_all(worker, name, **parameters) == {shown} for worker in pair.workers]
        )

    return await until(right)
