"""Who may have a diner forgotten, and what the door says of it."""

import shlex
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import httpx
import orjson
import pytest

from maitred.client import Client
from maitred.errors import InvalidInput, Unauthorised
from maitred.events import Erase, Traffic, decode
from maitred.ids import pseudonym
from tests.support.documents import documents
from tests.support.doors import CLOCK, KEY, Door, click, opened

ERASE = {
    "type": "erase",
    "event_id": "x1",
    "user_id": "u1",
    "occurred_at": CLOCK.now().isoformat(),
}


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
def test_without_the_key_nobody_erases_anybody(door: Door, headers: dict[str, str]) -> None:
    among = door.post({"events": [click(), ERASE]}, **headers).json()["results"]
    alone = door.post(ERASE, **headers)
    deleted = door.client.delete("/v1/users/u1", headers=headers)

    assert [result["status"] for result in among] == ["accepted", "rejected"]
    assert "needs the admin key" in among[1]["reason"]
    assert "DELETE /v1/users/{id}" in among[1]["reason"]
    assert (alone.status_code, deleted.status_code) == (422, 401)
    assert len(door.behind.values()) == 1


def test_with_the_key_an_erase_is_an_event_like_others(door: Door) -> None:
    assert door.statuses(ERASE, **KEY) == ["accepted"]
    assert door.statuses(ERASE, **KEY) == ["duplicate"]


def test_deleting_a_diner_writes_the_event_at_our_own_time(door: Door) -> None:
    door.statuses(click())

    reply = door.client.delete("/v1/users/u1", headers=KEY)

    assert reply.status_code == 202
    body = reply.json()
    record = door.behind.broker.records("t")[-1]
    event = decode(record.value)
    assert isinstance(event, Erase)
    assert (event.event_id, event.user_id, record.key) == (body["event_id"], "u1", "u1")
    assert event.occurred_at == CLOCK.now()
    assert record.headers == (("type", b"erase"),)


def test_the_reply_says_what_is_erased_when_and_what_only_ages_out(door: Door) -> None:
    with Client("", str(door.client.base_url), traffic=Traffic.LIVE, admin_key="sesame") as client:
        done = client.erase("a/b …")

    assert done.user == "a/b …"
    assert {place.place for place in done.erased_from} == {"redis", "archive", "spool", "models"}
    assert all(place.when for place in done.erased_from)
    assert done.log_ages_out_by == CLOCK.now() + timedelta(hours=168)
    assert done.dead_letters_age_out_by == CLOCK.now() + timedelta(hours=4 * 168)


def test_while_the_log_is_away_the_wish_is_durable_on_disk_behind_the_diners_events(
    door: Door,
) -> None:
    door.behind.broker.is_away = True
    door.statuses(click())

    reply = door.client.delete("/v1/users/u1", headers=KEY)

    assert reply.status_code == 202
    assert door.behind.publisher.spooled == 2


@pytest.mark.parametrize("name", ["x" * 129, "a%00b"])
def test_what_is_no_id_is_422(door: Door, name: str) -> None:
    reply = door.client.delete(f"/v1/users/{name}", headers=KEY)

    assert reply.status_code == 422
    assert reply.json()["errors"][0]["field"] == "user_id"


@pytest.mark.parametrize("name", [".", "..", "a/b", "🍣", " "])
def test_the_client_erases_whoever_it_is_told(door: Door, name: str) -> None:
    with Client("", str(door.client.base_url), traffic=Traffic.LIVE, admin_key="sesame") as client:
        client.erase(name)

    assert [record.key for record in door.behind.broker.records("t")] == [name]


def test_the_client_says_what_to_do_without_a_key_or_with_no_id(door: Door) -> None:
    url = str(door.client.base_url)
    with (
        Client("", url, traffic=Traffic.LIVE) as stranger,
        Client("", url, traffic=Traffic.LIVE, admin_key="sesame") as owner,
    ):
        with pytest.raises(Unauthorised) as caught:
            stranger.erase("u1")
        with pytest.raises(InvalidInput):
            owner.erase("x" * 129)

    assert "Authorization: Bearer" in str(caught.value.next_step)


def test_with_a_key_only_pseudonyms_leave_the_door(tmp_path: Path) -> None:
    key = "a key that nobody guesses"
    with opened(tmp_path, pseudonym_key=key) as door:
        statuses = door.statuses(click(user_id="anna"), click(user_id="anna"))
        reply = door.client.delete("/v1/users/anna", headers=KEY)

        assert statuses == ["accepted", "duplicate"]
        assert reply.json()["user"] == "anna"
        records = door.behind.broker.records("t")
        assert [record.key for record in records] == [pseudonym("anna", key)] * 2
        assert {orjson.loads(r.value)["user_id"] for r in records} == {pseudonym("anna", key)}
        assert not any(b"anna" in record.value for record in records)


def test_the_documented_program_erases_as_it_is_printed(door: Door) -> None:
    [page] = [document for document in documents() if document.name == "docs/events.md"]
    [printed] = [block for block in page.blocks("python") if "erase(" in block]
    here = str(door.client.base_url).rstrip("/")
    program = printed.replace("http://127.0.0.1:8081", here).replace("that of admin.key", "sesame")

    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert ran.returncode == 0, ran.stderr
    assert [record.key for record in door.behind.broker.records("t")] == ["u1"]
    assert ran.stdout.startswith(str((CLOCK.now() + timedelta(hours=168)).date()))


def test_the_documented_commands_are_answered(door: Door) -> None:
    [page] = [document for document in documents() if document.name == "docs/events.md"]
    [block] = [block for block in page.blocks("bash") if "DELETE" in block]
    [typed] = [line for line in block.splitlines() if line.startswith("curl")]
    words = shlex.split(typed.replace("$(cat .maitred/admin.key)", "sesame"))
    name, _, value = words[words.index("-H") + 1].partition(": ")
    [url] = [word for word in words if word.startswith("http")]

    reply = door.client.request("DELETE", httpx.URL(url).path, headers={name: value})

    assert reply.status_code == 202
    printed = [block for block in page.blocks("json") if "erased_from" in block]
    assert all(f'"{member}"' in printed[0] for member in reply.json())
