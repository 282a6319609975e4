"""A small HTTP server that follows the contract, for tests of clients and load generators.

A real uvicorn on a real socket in a thread; what it answers is the test's choice. It stands where
the services would, so that a test can make it slow, wrong or short at will.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import orjson
import uvicorn

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass
class ContractServer:
    """Answers like the services; every knob may be turned while it runs."""

    url: str = ""
    catalogue: tuple[str, ...] = tuple(f"r{i:04}" for i in range(20))
    delay_s: Callable[[int], float] = lambda _number: 0.0
    """Seconds to wait, by number of the request."""
    status: int = 200
    alter: Callable[[dict[str, Any]], dict[str, Any]] = lambda reply: reply
    lists: Callable[[dict[str, list[str]]], list[str]] | None = None
    """Makes the list from the query; else the catalogue in order, less what is excluded."""
    queries: list[dict[str, list[str]]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body = await _body(receive)
        status, content = await self._answer(scope, body)
        head = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": head})
        await send({"type": "http.response.body", "body": orjson.dumps(content)})

    async def _answer(self, scope: dict[str, Any], body: bytes) -> tuple[int, dict[str, Any]]:
        if scope["path"] == "/readyz":
            return 200, {}
        if scope["path"].startswith("/v1/restaurants/"):
            return 200, self._record(scope["path"].rpartition("/")[2])
        if scope["path"] == "/v1/events":
            events = orjson.loads(body)["events"]
            self.events += events
            results = [{"event_id": e["event_id"], "status": "accepted"} for e in events]
            return 202, {"results": results}
        query = parse_qs(scope["query_string"].decode())
        number = len(self.queries)
        self.queries.append(query)
        if delay_s := self.delay_s(number):
            await asyncio.sleep(delay_s)
        if self.status != 200:
            errors = [{"field": "k", "reason": "must be less than or equal to 100"}]
            return self.status, {"title": "no", "detail": "k is too large", "errors": errors}
        return 200, self.alter(self._reply(query))

    def _record(self, restaurant_id: str) -> dict[str, Any]:
        days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
        return {
            "restaurant_id": restaurant_id,
            "lat": 41.88,
            "lon": -87.63,
            "cuisines": ["thai"],
            "price_level": 2,
            "hours": [f"{day} 11:00-23:00" for day in days],
        }

    def _reply(self, query: dict[str, list[str]]) -> dict[str, Any]:
        excluded = set(query.get("exclude", []))
        ids = self.lists(query) if self.lists else [r for r in self.catalogue if r not in excluded]
        ids = ids[: int(query.get("k", ["10"])[0])]
        return {
            "request_id": query.get("request_id", ["made-up"])[0],
            "model_version": "clicks-0123456789ab",
            "objective": query.get("objective", ["clicks"])[0],
            "revenue_weight": 0.0,
            "experiment": None,
            "arm": None,
            "rung": "personalised" if "user_id" in query else "popular",
            "degraded": None,
            "took_ms": 1.0,
            "filtered": {},
            "items": [
                {"restaurant_id": r, "rank": i + 1, "score": -float(i), "propensity": 1.0}
                for i, r in enumerate(ids)
            ],
        }


async def _body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body


@contextmanager
def contract_server() -> Iterator[ContractServer]:
    """Serve until the context ends."""
    app = ContractServer()
    config = uvicorn.Config(
        app, port=0, lifespan="off", log_level="warning", ws="none", access_log=False
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    app.url = f"http://127.0.0.1:{port}"
    yield app
    server.should_exit = server.force_exit = True
    thread.join()
