"""Requests that nobody sent, before anybody is let in: through the whole path, door to bytes.

The first requests of a process cost several times what later ones do: the interpreter has not
specialised its code yet, libraries make what they keep, caches are cold. A worker that takes over
from another is given all of that one's diners within a second, so it must be past this by then.
"""

import asyncio
import logging
from collections.abc import Iterator
from itertools import count, islice
from typing import Any
from urllib.parse import urlencode

import orjson
from starlette.types import ASGIApp, Message

from maitred.events import Traffic
from services.inference.deps import Dependencies
from services.inference.snapshot import Snapshot

__all__ = ["rehearse"]

_Parameters = dict[str, Any]

_TOGETHER = 4
_VISITED = 3
_RADIUS_KM = 5.0
_OK = 200
_log = logging.getLogger(__name__)


async def rehearse(app: ASGIApp, path: str, deps: Dependencies) -> None:
    """Send requests of many kinds, four at a time; rests as long as it works, for other workers.

    They say ``traffic=warmup``: no impression, no latency in the metrics. Refused ones are logged.
    """
    asked = islice(_requests(deps.snapshots.now), deps.settings.warm_requests)
    while some := list(islice(asked, _TOGETHER)):
        began = deps.clock.monotonic()
        statuses = await asyncio.gather(*(_ask(app, path, parameters) for parameters in some))
        for parameters, status in zip(some, statuses, strict=True):
            if status != _OK:
                _log.warning("a rehearsed request was answered %d: %s", status, parameters)
        await deps.clock.wait(deps.clock.monotonic() - began)


def _requests(snapshot: Snapshot) -> Iterator[_Parameters]:
    """Make requests for ever: strangers, diners with a history, filters, places, reasons."""
    places = _place(snapshot)
    visited = _visited(snapshot)
    kinds: tuple[_Parameters, ...] = (
        {},
        {"history": visited},
        {"history": visited, "price_max": 3},
        {"history": visited, "explain": True, **places},
    )
    for number in count():
        own = {"user_id": f"rehearsal-{number}", "traffic": Traffic.WARMUP.value}
        yield kinds[number % len(kinds)] | own


def _visited(snapshot: Snapshot) -> list[str]:
    served = snapshot.lowest
    if served is None:
        return []
    return [served.catalogue.ids[row] for row in served.model.most_popular[:_VISITED].tolist()]


def _place(snapshot: Snapshot) -> _Parameters:
    """Return a place where there are restaurants; nothing if none is known."""
    served = snapshot.lowest
    for row in served.model.most_popular.tolist() if served else ():
        restaurant = snapshot.restaurant(served.catalogue.ids[row]) if served else None
        if restaurant is not None and restaurant.lat is not None:
            return {"lat": restaurant.lat, "lon": restaurant.lon, "radius_km": _RADIUS_KM}
    return {}


async def _ask(app: ASGIApp, path: str, parameters: _Parameters) -> int:
    """Ask by GET, or by POST what only a body can say; return the status."""
    body = orjson.dumps(parameters) if "history" in parameters else b""
    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST" if body else "GET",
        "path": path,
        "query_string": b"" if body else urlencode(parameters).encode(),
        "headers": [(b"content-type", b"application/json")],
        "state": {},
    }
    status = 0

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        status = message.get("status", status)

    await app(scope, receive, send)
    return status
