"""Every call as steps: what is sent, and what the answer means. No I/O: ``http`` drives them."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar
from urllib.parse import urlencode

import httpx
import orjson
from pydantic import BaseModel

from maitred.client.lists import BatchReply, Popular, Recommendations, Similar
from maitred.client.messages import Erasure, Outcome, Outcomes, Query, Recommendation, Reply
from maitred.client.paths import in_path
from maitred.client.refusals import accepted, checked, mapping, unreachable
from maitred.client.retries import Attempt, Call, Request, RetryBudget, exchange
from maitred.clock import Clock
from maitred.errors import OutOfContract
from maitred.events import DinerEvent, Traffic
from maitred.ids import new_request_id

__all__ = ["DINERS_PER_CALL", "EVENTS_PER_CALL", "Calls"]

EVENTS_PER_CALL = 500
"""Most events that ingest takes at once; longer sequences are sent in several calls."""
DINERS_PER_CALL = 512
"""Most diners that a batch takes; longer sequences are asked for in several calls."""
REMEMBERED = 256
"""Lists that are kept to be asked for by their ETag."""

_JSON = {"content-type": "application/json"}
_List = TypeVar("_List", Similar, Popular)


@dataclass(slots=True)
class Calls:
    """What both clients can do."""

    inference: str
    ingest: str
    traffic: Traffic
    timeout_s: float
    clock: Clock
    budget: RetryBudget
    admin_key: str | None = None
    _lists: OrderedDict[str, tuple[str, BaseModel]] = field(default_factory=OrderedDict)

    def recommend(self, query: Query) -> Call[Reply]:
        """Ask for a list."""
        started = self.clock.monotonic()
        url = f"{self.inference}/v1/recommendations"
        settled = _settled(query)
        if query.history:
            body = orjson.dumps(settled.body(self.traffic))
            request = Request("POST", url, _JSON, body)
        else:
            request = Request("GET", f"{url}?{urlencode(settled.parameters(self.traffic))}")
        response = yield from self._accepted(request)
        waited_ms = (self.clock.monotonic() - started) * 1e3
        return Reply(checked(response, Recommendation), waited_ms)

    def batch(self, queries: Sequence[Query]) -> Call[BatchReply]:
        """Ask for many lists at once."""
        started = self.clock.monotonic()
        url = f"{self.inference}/v1/recommendations/batch"
        found: list[Recommendation] = []
        for start in range(0, len(queries), DINERS_PER_CALL):
            some = queries[start : start + DINERS_PER_CALL]
            diners = [_settled(query).body(self.traffic) for query in some]
            request = Request("POST", url, _JSON, orjson.dumps({"diners": diners}))
            response = yield from self._accepted(request)
            replies = checked(response, Recommendations).replies
            if len(replies) != len(some):
                msg = f"{url} answered {len(replies)} of {len(some)} diners"
                raise OutOfContract(msg)
            found += replies
        return BatchReply(tuple(found), (self.clock.monotonic() - started) * 1e3)

    def similar(self, restaurant_id: str, query: Query) -> Call[Similar]:
        """Ask what is like a restaurant."""
        path = f"similar/{in_path(restaurant_id)}"
        return (yield from self._list(path, query, Similar))

    def popular(self, query: Query) -> Call[Popular]:
        """Ask what all diners choose."""
        return (yield from self._list("popular", query, Popular))

    def send_events(self, events: Sequence[DinerEvent]) -> Call[tuple[Outcome, ...]]:
        """Hand in what diners did, in order."""
        outcomes: list[Outcome] = []
        for body in _bodies(events, self.traffic):
            request = Request("POST", f"{self.ingest}/v1/events", content=body)
            response = yield from self._accepted(request)
            outcomes += checked(response, Outcomes).results
        return tuple(outcomes)

    def restaurant(self, restaurant_id: str) -> Call[Mapping[str, object]]:
        """Return what the service knows of one restaurant."""
        name = in_path(restaurant_id)
        request = Request("GET", f"{self.inference}/v1/restaurants/{name}")
        return mapping((yield from self._accepted(request)))

    def models(self) -> Call[Mapping[str, object]]:
        """Return which models there are and which are served; needs the admin key."""
        request = Request("GET", f"{self.inference}/v1/models", self._key())
        return mapping((yield from self._accepted(request)))

    def erase(self, user_id: str) -> Call[Erasure]:
        """Have a diner forgotten; needs the admin key. Inference passes it on to ingest."""
        door = self.ingest or self.inference
        request = Request("DELETE", f"{door}/v1/users/{in_path(user_id)}", self._key())
        return checked((yield from self._accepted(request)), Erasure)

    def _key(self) -> Mapping[str, str]:
        return {} if self.admin_key is None else {"authorization": f"Bearer {self.admin_key}"}

    def is_ready(self, url: str) -> Call[bool]:
        """Ask once whether the service at ``url`` says that it can answer."""
        answer = yield Attempt(Request("GET", f"{url}/readyz"), self.timeout_s)
        return isinstance(answer, httpx.Response) and answer.status_code == httpx.codes.OK

    def _list(self, path: str, query: Query, model: type[_List]) -> Call[_List]:
        """Ask for a list; one that has not changed is not sent again."""
        pairs = [pair for pair in query.parameters(self.traffic) if pair[0] != "traffic"]
        url = f"{self.inference}/v1/{path}?{urlencode(pairs)}"
        etag, known = self._lists.get(url, ("", None))
        headers = {"if-none-match": etag} if etag else {}
        response = yield from self._answered(Request("GET", url, headers))
        if response.status_code == httpx.codes.NOT_MODIFIED and isinstance(known, model):
            self._remember(url, etag, known)
            return known
        listed = checked(accepted(response), model)
        if named := response.headers.get("etag"):
            self._remember(url, named, listed)
        return listed

    def _remember(self, url: str, etag: str, listed: BaseModel) -> None:
        """Keep a list as the last one used; others may have pushed it out since it was asked for.

        Threads and tasks may share this: each step stands alone, whatever happens between them.
        """
        self._lists.pop(url, None)
        self._lists[url] = (etag, listed)
        if len(self._lists) > REMEMBERED:
            self._lists.popitem(last=False)

    def _accepted(self, request: Request) -> Call[httpx.Response]:
        return accepted((yield from self._answered(request)))

    def _answered(self, request: Request) -> Call[httpx.Response]:
        tried = exchange(request, self.budget, self.clock, timeout_s=self.timeout_s)
        try:
            return (yield from tried)
        except httpx.HTTPError as error:
            raise unreachable(request.url, error) from error


def _settled(query: Query) -> Query:
    """Give a query an id of its own: asked again, it is the same list."""
    return query if query.request_id is not None else replace(query, request_id=new_request_id())


def _bodies(events: Sequence[DinerEvent], traffic: Traffic) -> Iterator[bytes]:
    for start in range(0, len(events), EVENTS_PER_CALL):
        records = [
            event.model_dump(mode="json") | {"traffic": traffic.value}
            for event in events[start : start + EVENTS_PER_CALL]
        ]
        yield orjson.dumps({"events": records})
