"""What README and docs/api.md tell people to type is typed here, against a running service."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from maitred.clock import SystemClock
from maitred.settings import Settings
from services.inference.app import build
from tests.support.documents import Document, documents
from tests.support.http import served
from tests.support.inference import publish
from tests.support.servers import LiveValkey

PAGES = ("README.md", "docs/api.md")
KEY = "sesame"
THERE = "http://127.0.0.1:8080"
CURL = re.compile(r"^curl .*?(?=^\S|\Z)", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def service(
    valkey_server: LiveValkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    home = tmp_path_factory.mktemp("documented")
    valkey_server.flush()
    for objective in ("clicks", "revenue"):
        publish(valkey_server.url, home, objective)
    settings = Settings(state_dir=home / "state", redis_url=valkey_server.url, admin_key=KEY)
    with served(build(settings, SystemClock(), outlet=lambda _key, _value: True)) as http:
        yield http


def page(name: str) -> Document:
    return next(found for found in documents() if found.name == name)


def commands() -> list[str]:
    """Every curl to inference that is written out, as one line each."""
    blocks = [
        block for name in PAGES for kind in ("bash", "sh") for block in page(name).blocks(kind)
    ]
    found = [command for block in blocks for command in CURL.findall(block)]
    return [command for command in found if THERE in command or "$INFERENCE/" in command]


def programs() -> list[str]:
    """Every program that needs inference alone."""
    blocks = [block for name in PAGES for block in page(name).blocks("python")]
    return [block for block in blocks if 'urlopen(Request(f"{INGEST}' not in block]


def test_there_are_examples_of_every_door() -> None:
    said = "".join(commands())

    assert all(path in said for path in ("recommendations?", "/batch", "/similar/", "/popular"))
    assert len(programs()) >= 2


@pytest.mark.parametrize("command", commands())
def test_what_is_typed_is_answered(service: httpx.Client, command: str) -> None:
    text = command.replace("$INFERENCE", THERE).replace("$DINER", "u1").replace("$KEY", KEY)
    words = shlex.split(text.split(" | ")[0])
    url = next(word for word in words if word.startswith(THERE)).removeprefix(THERE)
    url = url.replace("/similar/17", "/similar/r01")  # an id of the documents' data
    after = dict(pairwise(words))

    name, _, value = after.get("-H", "accept: */*").partition(": ")
    method = after.get("-X", "POST" if "-d" in after else "GET")
    reply = service.request(method, url, content=after.get("-d"), headers={name: value})

    assert reply.status_code in {200, 201}, reply.text
    if method == "PUT":
        return
    lists = reply.json().get("replies", [reply.json()])
    assert all(found["items"] or found["filtered"] for found in lists)


@pytest.mark.parametrize("program", programs())
def test_a_program_runs_as_it_stands(service: httpx.Client, program: str, tmp_path: Path) -> None:
    here = str(service.base_url).rstrip("/")

    ran = subprocess.run(
        [sys.executable, "-c", program.replace(THERE, here)],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip

    assert ran.returncode == 0, ran.stderr
    assert "ms" in ran.stdout
