"""The calls, blocking and for an event loop: two drivers of the same steps."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Self, TypeVar

import httpx

from maitred.client.calls import DINERS_PER_CALL, EVENTS_PER_CALL, Calls
from maitred.client.lists import BatchReply, Popular, Similar
from maitred.client.messages import Erasure, Outcome, Query, Reply
from maitred.client.retries import Answer, Attempt, Call, Pause, RetryBudget
from maitred.clock import Clock, SystemClock
from maitred.events import DinerEvent, Traffic

__all__ = ["DINERS_PER_CALL", "EVENTS_PER_CALL", "AsyncClient", "Client"]

_TIMEOUT_S = 2.0
_RETRIES = 0.1
_ANYTHING = Query()

_Result = TypeVar("_Result")


class Client:
    """Blocking calls over kept-alive connections; use it as a context manager.

    ``timeout_s`` is for a whole call, retries included; retries are at most the share ``retries``
    of all calls (0: none), see :mod:`maitred.client.retries`. Every method raises ``Unavailable``
    when the service cannot be reached or is late, ``OutOfContract`` when its reply is not what the
    contract says, and the error of :mod:`maitred.errors` that fits the status when it says no.

    A blocking call limits every wait for the network, not their sum: to connect, and then each time
    for more of the reply. A service that drips its reply in can hold it for longer;
    :class:`AsyncClient` is never held.
    """

    def __init__(  # all but the first two have defaults that fit
        self,
        inference: str,
        ingest: str = "",
        *,
        traffic: Traffic,
        timeout_s: float = _TIMEOUT_S,
        retries: float = _RETRIES,
        admin_key: str | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.inference, self.ingest, self.traffic = inference, ingest, traffic
        self._clock = clock or SystemClock()
        self._calls = Calls(
            inference, ingest, traffic, timeout_s, self._clock, RetryBudget(retries), admin_key
        )
        self._http = httpx.Client(trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def recommend(self, query: Query) -> Reply:
        """Ask for a list."""
        return self._done(self._calls.recommend(query))

    def batch(self, queries: Sequence[Query]) -> BatchReply:
        """Ask for many lists at once; one reply a query, in their order."""
        return self._done(self._calls.batch(queries))

    def similar(self, restaurant_id: str, query: Query = _ANYTHING) -> Similar:
        """Ask what is like a restaurant; of ``query`` only filters, k and explain may be set."""
        return self._done(self._calls.similar(restaurant_id, query))

    def popular(self, query: Query = _ANYTHING) -> Popular:
        """Ask what all diners choose; of ``query`` filters, k, explain and the dial may be set."""
        return self._done(self._calls.popular(query))

    def send_events(self, events: Sequence[DinerEvent]) -> tuple[Outcome, ...]:
        """Hand in what diners did, in order; each is sent as this client's traffic."""
        return self._done(self._calls.send_events(events))

    def restaurant(self, restaurant_id: str) -> Mapping[str, object]:
        """Return what the service knows of one restaurant, as JSON."""
        return self._done(self._calls.restaurant(restaurant_id))

    def models(self) -> Mapping[str, object]:
        """Return which models there are and which are served, as JSON; needs the admin key."""
        return self._done(self._calls.models())

    def erase(self, user_id: str) -> Erasure:
        """Have a diner forgotten; needs the admin key. Asking twice does no harm.

        On return the wish is durable; the reply says what becomes of it when.
        """
        return self._done(self._calls.erase(user_id))

    def is_ready(self, url: str) -> bool:
        """Whether the service at ``url`` says that it can answer."""
        return self._done(self._calls.is_ready(url))

    def _done(self, call: Call[_Result]) -> _Result:
        answer: Answer = None
        while True:
            try:
                step = call.send(answer)
            except StopIteration as end:
                result: _Result = end.value
                return result
            answer = self._taken(step)

    def _taken(self, step: Attempt | Pause) -> Answer:
        if isinstance(step, Pause):
            self._clock.sleep(step.seconds)
            return None
        try:
            return self._http.request(**_arguments(step), timeout=step.timeout_s)  # type: ignore[arg-type]
        except httpx.HTTPError as error:
            return error


class AsyncClient:
    """The same calls for an event loop; see :class:`Client` for arguments and errors."""

    def __init__(  # as Client
        self,
        inference: str,
        ingest: str = "",
        *,
        traffic: Traffic,
        timeout_s: float = _TIMEOUT_S,
        retries: float = _RETRIES,
        admin_key: str | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.inference, self.ingest, self.traffic = inference, ingest, traffic
        self._clock = clock or SystemClock()
        self._calls = Calls(
            inference, ingest, traffic, timeout_s, self._clock, RetryBudget(retries), admin_key
        )
        self._http = httpx.AsyncClient(trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def recommend(self, query: Query) -> Reply:
        """Ask for a list."""
        return await self._done(self._calls.recommend(query))

    async def batch(self, queries: Sequence[Query]) -> BatchReply:
        """Ask for many lists at once; one reply a query, in their order."""
        return await self._done(self._calls.batch(queries))

    async def similar(self, restaurant_id: str, query: Query = _ANYTHING) -> Similar:
        """Ask what is like a restaurant; of ``query`` only filters, k and explain may be set."""
        return await self._done(self._calls.similar(restaurant_id, query))

    async def popular(self, query: Query = _ANYTHING) -> Popular:
        """Ask what all diners choose; of ``query`` filters, k, explain and the dial may be set."""
        return await self._done(self._calls.popular(query))

    async def send_events(self, events: Sequence[DinerEvent]) -> tuple[Outcome, ...]:
        """Hand in what diners did, in order; each is sent as this client's traffic."""
        return await self._done(self._calls.send_events(events))

    async def restaurant(self, restaurant_id: str) -> Mapping[str, object]:
        """Return what the service knows of one restaurant, as JSON."""
        return await self._done(self._calls.restaurant(restaurant_id))

    async def models(self) -> Mapping[str, object]:
        """Return which models there are and which are served, as JSON; needs the admin key."""
        return await self._done(self._calls.models())

    async def erase(self, user_id: str) -> Erasure:
        """Have a diner forgotten; needs the admin key. Asking twice does no harm.

        On return the wish is durable; the reply says what becomes of it when.
        """
        return await self._done(self._calls.erase(user_id))

    async def is_ready(self, url: str) -> bool:
        """Whether the service at ``url`` says that it can answer."""
        return await self._done(self._calls.is_ready(url))

    async def _done(self, call: Call[_Result]) -> _Result:
        answer: Answer = None
        while True:
            try:
                step = call.send(answer)
            except StopIteration as end:
                result: _Result = end.value
                return result
            answer = await self._taken(step)

    async def _taken(self, step: Attempt | Pause) -> Answer:
        if isinstance(step, Pause):
            await self._clock.wait(step.seconds)
            return None
        try:
            async with asyncio.timeout(step.timeout_s):
                return await self._http.request(**_arguments(step), timeout=step.timeout_s)  # type: ignore[arg-type]
        except TimeoutError:
            return httpx.ReadTimeout(f"no whole reply within {step.timeout_s:.3f} s")
        except httpx.HTTPError as error:
            return error


def _arguments(step: Attempt) -> dict[str, object]:
    asked = step.request
    return {
        "method": asked.method,
        "url": asked.url,
        "headers": dict(asked.headers),
        "content": asked.content,
    }
