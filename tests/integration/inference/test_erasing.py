"""``DELETE /v1/users/{id}`` on inference is passed on to ingest, by whoever has the key."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from maitred.ids import pseudonym
from tests.support.doors import Door, opened
from tests.support.inference import ADMIN, serving
from tests.support.servers import LiveValkey

KEY = "a key that nobody guesses"


@pytest.fixture
def ingest(tmp_path: Path) -> Iterator[Door]:
    with opened(tmp_path / "ingest", pseudonym_key=KEY) as door:
        yield door


async def test_the_wish_is_passed_on_and_the_pseudonym_made_once(
    ingest: Door, valkey: LiveValkey, tmp_path: Path
) -> None:
    url = str(ingest.client.base_url)
    async with serving(tmp_path / "s", valkey.url, ingest_url=url, pseudonym_key=KEY) as live:
        stranger = await live.http.delete("/v1/users/an%2Fna")
        reply = await live.http.delete("/v1/users/an%2Fna", headers=ADMIN)

    assert stranger.status_code == 401
    assert reply.status_code == 202
    assert reply.json()["user"] == "an/na"
    [record] = ingest.behind.broker.records("t")
    assert record.key == pseudonym("an/na", KEY)


async def test_the_port_of_ingest_is_enough(
    ingest: Door, valkey: LiveValkey, tmp_path: Path
) -> None:
    port = ingest.client.base_url.port
    async with serving(tmp_path / "s", valkey.url, ingest_port=port) as live:
        reply = await live.http.delete("/v1/users/anna", headers=ADMIN)

    assert reply.status_code == 202


async def test_without_ingest_nothing_is_promised(valkey: LiveValkey, tmp_path: Path) -> None:
    async with serving(tmp_path / "s", valkey.url, ingest_url="http://127.0.0.1:9") as live:
        reply = await live.http.delete("/v1/users/anna", headers=ADMIN)

    assert reply.status_code == 503
    assert reply.headers["retry-after"] == "1"
    assert reply.json()["detail"].startswith("nothing is erased: ingest does not take it")
    assert "MAITRED_INGEST_URL" in reply.json()["next_step"]


async def test_an_ingest_with_another_key_is_told_apart_from_a_wrong_one_here(
    ingest: Door, valkey: LiveValkey, tmp_path: Path
) -> None:
    url = str(ingest.client.base_url)
    admin = {"Authorization": "Bearer open"}
    state = tmp_path / "s"
    state.mkdir()
    async with serving(state, valkey.url, ingest_url=url, admin="open") as live:
        reply = await live.http.delete("/v1/users/anna", headers=admin)

    assert reply.status_code == 503
    assert "another admin key" in reply.json()["detail"]
    assert "MAITRED_ADMIN_KEY" in reply.json()["next_step"]
