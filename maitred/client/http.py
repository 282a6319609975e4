"""The calls, blocking and for an event loop, and what a service's refusal means in our errors."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self, TypeVar

import httpx
import orjson
from pydantic import BaseModel, ValidationError

from maitred.client.messages import Outcome, Outcomes, Query, Recommendation, Reply
from maitred.clock import Clock, SystemClock
from maitred.errors import (
    InvalidInput,
    MaitredError,
    NotFound,
    OutOfContract,
    Overloaded,
    Refused,
    TooLarge,
    Unauthorised,
    Unavailable,
)
from maitred.events import DinerEvent, Traffic

__all__ = ["EVENTS_PER_CALL", "AsyncClient", "Client"]

EVENTS_PER_CALL = 500
"""Most events that ingest takes at once; longer sequences are sent in several calls."""

_TIMEOUT_S = 2.0

_Part = TypeVar("_Part", bound=BaseModel)


class Client:
    """Blocking calls over kept-alive connections; use it as a context manager.

    Every method raises ``Unavailable`` when the service cannot be reached or is late,
    ``OutOfContract`` when its reply is not what the contract says, and the error of
    :mod:`maitred.errors` that fits the status when it says no.
    """

    def __init__(
        self,
        inference: str,
        ingest: str = "",
        *,
        traffic: Traffic,
        timeout_s: float = _TIMEOUT_S,
        clock: Clock | None = None,
    ) -> None:
        self.inference, self.ingest, self.traffic = inference, ingest, traffic
        self._clock = clock or SystemClock()
        self._http = httpx.Client(timeout=timeout_s, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def recommend(self, query: Query) -> Reply:
        """Ask for a list."""
        started = self._clock.monotonic()
        response = self._send(**_asked(self.inference, query, self.traffic))
        waited_ms = (self._clock.monotonic() - started) * 1e3
        return Reply(_checked(response, Recommendation), waited_ms)

    def send_events(self, events: Sequence[DinerEvent]) -> tuple[Outcome, ...]:
        """Hand in what diners did, in order; each is sent as this client's traffic."""
        outcomes: list[Outcome] = []
        for body in _bodies(events, self.traffic):
            response = self._send("POST", f"{self.ingest}/v1/events", content=body)
            outcomes += _checked(response, Outcomes).results
        return tuple(outcomes)

    def restaurant(self, restaurant_id: str) -> Mapping[str, object]:
        """Return what the service knows of one restaurant, as JSON."""
        return _mapping(self._send("GET", f"{self.inference}/v1/restaurants/{restaurant_id}"))

    def is_ready(self, url: str) -> bool:
        """Whether the service at ``url`` says that it can answer."""
        try:
            return self._http.get(f"{url}/readyz").status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def _send(self, method: str, url: str, **rest: object) -> httpx.Response:
        try:
            response = self._http.request(method, url, **rest)  # type: ignore[arg-type]
        except httpx.HTTPError as error:
            raise _unreachable(url, error) from error
        return _accepted(response)


class AsyncClient:
    """The same calls for an event loop; see :class:`Client` for what they raise."""

    def __init__(
        self,
        inference: str,
        ingest: str = "",
        *,
        traffic: Traffic,
        timeout_s: float = _TIMEOUT_S,
        clock: Clock | None = None,
    ) -> None:
        self.inference, self.ingest, self.traffic = inference, ingest, traffic
        self._clock = clock or SystemClock()
        self._http = httpx.AsyncClient(timeout=timeout_s, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def recommend(self, query: Query) -> Reply:
        """Ask for a list."""
        started = self._clock.monotonic()
        response = await self._send(**_asked(self.inference, query, self.traffic))
        waited_ms = (self._clock.monotonic() - started) * 1e3
        return Reply(_checked(response, Recommendation), waited_ms)

    async def send_events(self, events: Sequence[DinerEvent]) -> tuple[Outcome, ...]:
        """Hand in what diners did, in order; each is sent as this client's traffic."""
        outcomes: list[Outcome] = []
        for body in _bodies(events, self.traffic):
            response = await self._send("POST", f"{self.ingest}/v1/events", content=body)
            outcomes += _checked(response, Outcomes).results
        return tuple(outcomes)

    async def is_ready(self, url: str) -> bool:
        """Whether the service at ``url`` says that it can answer."""
        try:
            return (await self._http.get(f"{url}/readyz")).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    async def _send(self, method: str, url: str, **rest: object) -> httpx.Response:
        try:
            response = await self._http.request(method, url, **rest)  # type: ignore[arg-type]
        except httpx.HTTPError as error:
            raise _unreachable(url, error) from error
        return _accepted(response)


def _asked(inference: str, query: Query, traffic: Traffic) -> dict[str, Any]:
    """Return the request of a query: a GET, or a POST when there is a history to tell."""
    url = f"{inference}/v1/recommendations"
    if query.history:
        return {"method": "POST", "url": url, "json": query.body(traffic)}
    return {"method": "GET", "url": url, "params": query.parameters(traffic)}


def _bodies(events: Sequence[DinerEvent], traffic: Traffic) -> Iterator[bytes]:
    for start in range(0, len(events), EVENTS_PER_CALL):
        records = [
            event.model_dump(mode="json") | {"traffic": traffic.value}
            for event in events[start : start + EVENTS_PER_CALL]
        ]
        yield orjson.dumps({"events": records})


def _checked(response: httpx.Response, model: type[_Part]) -> _Part:
    try:
        return model.model_validate_json(response.content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        msg = f"{response.url} answered outside the contract: {where}: {first['msg']}"
        raise OutOfContract(msg) from error


def _mapping(response: httpx.Response) -> Mapping[str, object]:
    try:
        record = orjson.loads(response.content)
    except orjson.JSONDecodeError as error:
        msg = f"{response.url} answered with something that is not JSON"
        raise OutOfContract(msg) from error
    return record if isinstance(record, dict) else {}


def _accepted(response: httpx.Response) -> httpx.Response:
    if response.is_success:
        return response
    error = _BY_STATUS.get(response.status_code)
    if error is None:
        error = Unavailable if response.is_server_error else Refused
    detail, fields = _problem(response)
    msg = f"{response.url.path} answered {response.status_code}: {detail}"
    raise error(msg, fields=fields)


def _problem(response: httpx.Response) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Read RFC 9457 problem details, as far as there are any."""
    try:
        problem = orjson.loads(response.content)
        fields = tuple((str(e["field"]), str(e["reason"])) for e in problem.get("errors", ()))
        return str(problem.get("detail") or problem.get("title") or response.reason_phrase), fields
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError):
        return response.reason_phrase, ()


def _unreachable(url: str, error: httpx.HTTPError) -> Unavailable:
    late = isinstance(error, httpx.TimeoutException)
    msg = f"{url} did not answer in time" if late else f"{url} cannot be reached: {error}"
    return Unavailable(msg, next_step="`maitred status` says what runs and where")


_BY_STATUS: Mapping[int, type[MaitredError]] = {
    401: Unauthorised,
    404: NotFound,
    413: TooLarge,
    422: InvalidInput,
    429: Overloaded,
}
