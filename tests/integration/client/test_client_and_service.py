"""The client against the real service: every call, blocking and for an event loop."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from maitred.client import AsyncClient, Client, Query
from maitred.clock import SystemClock
from maitred.errors import InvalidInput, NotFound, Unauthorised
from maitred.events import Traffic
from maitred.settings import Settings
from services.inference.app import build
from tests.support.http import served
from tests.support.inference import publish
from tests.support.servers import LiveValkey


@dataclass
class Service:
    url: str
    http: httpx.Client

    def metric(self, line: str) -> float:
        """The value of a line of /metrics; 0 where there is none."""
        lines = self.http.get("/metrics").text.splitlines()
        return sum(float(found.split()[-1]) for found in lines if found.startswith(line))


@pytest.fixture
def service(valkey: LiveValkey, tmp_path: Path) -> Iterator[Service]:
    publish(valkey.url, tmp_path)
    settings = Settings(state_dir=tmp_path / "state", redis_url=valkey.url, admin_key="sesame")
    app = build(settings, SystemClock(), outlet=lambda _key, _value: True)
    with served(app) as http:
        yield Service(str(http.base_url).rstrip("/"), http)


def test_a_batch_is_one_reply_a_query_in_order_however_many(service: Service) -> None:
    queries = [Query(user_id=f"u{i % 6}", k=1 + i % 5, explore=False) for i in range(600)]

    with Client(service.url, traffic=Traffic.PREVIEW, timeout_s=10) as client:
        reply = client.batch(queries)
        alone = client.recommend(queries[7]).recommendation

    assert [len(one.items) for one in reply.recommendations] == [q.k for q in queries]
    assert reply.recommendations[7].ids == alone.ids
    assert reply.waited_ms > 0
    assert service.metric("maitred_batch_diners_total") == 600


def test_lists_that_did_not_change_are_not_sent_again(service: Service) -> None:
    with Client(service.url, traffic=Traffic.PREVIEW) as client:
        similar = [client.similar("r01", Query(k=3, explain=True)) for _ in range(3)]
        popular = [client.popular(Query(k=3)) for _ in range(2)]
        other = client.popular(Query(k=3, revenue_weight=1))

    assert similar[0] is similar[1] is similar[2]
    assert popular[0] is popular[1]
    assert popular[0].ids != other.ids
    assert similar[0].items[0].reasons
    assert service.metric('maitred_lookups_total{how="unchanged",route="similar"}') == 2
    assert service.metric('maitred_lookups_total{how="unchanged",route="popular"}') == 1


def test_errors_say_what_was_wrong(service: Service) -> None:
    with Client(service.url, traffic=Traffic.PREVIEW) as client:
        with pytest.raises(NotFound, match="no restaurant 'ü /'"):
            client.similar("ü /")
        with pytest.raises(InvalidInput) as raised:
            client.batch([Query(), Query(k=101)])
        with pytest.raises(InvalidInput, match="user_id"):
            client.popular(Query(user_id="u1"))
        with pytest.raises(Unauthorised):
            client.models()

    assert raised.value.fields[0][0] == "diners[1].k"


@pytest.mark.parametrize("name", [".", "..", "...", "a/../b", "%2E", "../popular"])
def test_dots_are_ids_like_any_others(service: Service, name: str) -> None:
    rows = {"restaurants": [{"restaurant_id": name, "name": "dots"}]}
    key = {"Authorization": "Bearer sesame"}
    service.http.post("/v1/restaurants", json=rows, headers=key).raise_for_status()

    with Client(service.url, traffic=Traffic.PREVIEW) as client:
        known = client.restaurant(name)
        similar = client.similar(name)

    assert known["restaurant_id"] == similar.restaurant_id == name


async def test_an_event_loop_has_the_same_calls(service: Service) -> None:
    async with AsyncClient(service.url, traffic=Traffic.PREVIEW, admin_key="sesame") as client:
        batch = await client.batch([Query(user_id="u1"), Query()])
        similar = await client.similar("r01")
        popular = await client.popular()
        restaurant = await client.restaurant("r03")
        models = await client.models()
        is_ready = await client.is_ready(service.url)

    assert [one.rung for one in batch.recommendations] == ["personalised", "popular"]
    assert (len(similar.ids), len(popular.ids)) == (7, 10)  # nobody of another taste is similar
    assert restaurant["name"] == "Restaurant 3"
    assert set(models) >= {"current"}
    assert is_ready
