"""Lists that did not change are kept, however many others were asked for in between."""

import httpx
import orjson
import pytest

from maitred.client import Query
from maitred.client.calls import REMEMBERED, Calls
from maitred.client.lists import Popular
from maitred.client.retries import Attempt, Call, RetryBudget
from maitred.clock import ManualClock
from maitred.events import Traffic

ASKED = httpx.Request("GET", "http://i/v1/popular")
LIST = {
    "model_version": None, "objective": "clicks", "revenue_weight": 0.0, "filtered": {}, "items": [],
}  # fmt: skip
SAME = httpx.Response(304, request=ASKED)


def calls() -> Calls:
    return Calls("http://i", "", Traffic.PREVIEW, 2.0, ManualClock(), RetryBudget())


def fresh(tag: str) -> httpx.Response:
    body = orjson.dumps(LIST)
    return httpx.Response(200, headers={"etag": tag}, content=body, request=ASKED)


def asked(call: Call[Popular]) -> Attempt:
    step = next(call)
    assert isinstance(step, Attempt)
    return step


def answered(call: Call[Popular], response: httpx.Response) -> Popular:
    with pytest.raises(StopIteration) as end:
        call.send(response)
    found: Popular = end.value.value
    return found


def whole(call: Call[Popular], response: httpx.Response) -> Popular:
    asked(call)
    return answered(call, response)


def crowd(some: Calls) -> None:
    for k in range(1, REMEMBERED + 1):
        whole(some.popular(Query(k=k, cuisines=("thai",))), fresh(f'"{k}"'))


def test_a_list_that_others_pushed_out_while_it_was_asked_for_again_is_there() -> None:
    some = calls()
    first = whole(some.popular(Query(k=3)), fresh('"a"'))
    again = some.popular(Query(k=3))
    sent = asked(again)
    crowd(some)

    found = answered(again, SAME)

    assert sent.request.headers == {"if-none-match": '"a"'}
    assert found is first
    assert asked(some.popular(Query(k=3))).request.headers == {"if-none-match": '"a"'}


def test_the_list_asked_for_longest_ago_is_the_one_forgotten() -> None:
    some = calls()
    crowd(some)
    whole(some.popular(Query(k=1, cuisines=("thai",))), SAME)

    whole(some.popular(Query(k=3)), fresh('"a"'))

    kept, gone = (some.popular(Query(k=k, cuisines=("thai",))) for k in (1, 2))
    assert asked(kept).request.headers == {"if-none-match": '"1"'}
    assert asked(gone).request.headers == {}
