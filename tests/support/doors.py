"""Ingest as a client meets it, over HTTP, with a log in memory behind it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson

from maitred.clock import ManualClock
from maitred.settings import Settings
from services.ingest.app import build
from tests.support.http import served
from tests.support.publishing import Publishing, publishing

CLOCK = ManualClock()
KEY = {"Authorization": "Bearer sesame"}


def click(event_id: str = "e1", **fields: object) -> dict[str, Any]:
    moment = CLOCK.now().isoformat()
    event = {"type": "click", "event_id": event_id, "user_id": "u1", "restaurant_id": "r9"}
    return event | {"occurred_at": moment} | fields


def order(event_id: str = "e1", **fields: object) -> dict[str, Any]:
    worth = {"type": "order", "order_id": "o1", "basket_minor": 2350, "currency": "EUR"}
    return click(event_id) | worth | fields


@dataclass
class Door:
    client: httpx.Client
    behind: Publishing

    def post(self, body: object, **headers: str) -> httpx.Response:
        return self.client.post("/v1/events", content=orjson.dumps(body), headers=headers)

    def statuses(self, *events: object, **headers: str) -> list[str]:
        reply = self.post({"events": list(events)}, **headers)
        assert reply.status_code == 202, reply.text
        return [result["status"] for result in reply.json()["results"]]


@contextmanager
def opened(state: Path, *, max_bytes: int = 20_000, **settings: Any) -> Iterator[Door]:  # noqa: ANN401
    with publishing(state / "spool", max_bytes=max_bytes) as behind:
        given = {"state_dir": state, "admin_key": "sesame"} | settings
        app = build(
            Settings.model_validate(given),
            CLOCK,
            publisher=behind.publisher,
            metrics=behind.metrics,
        )
        with served(app) as client:
            yield Door(client, behind)
