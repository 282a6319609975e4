"""Every operation of both OpenAPI documents, asked what nobody thought of: it says what it promised."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from maitred.artifact import Verdict
from maitred.clock import SystemClock
from maitred.settings import Settings
from maitred.store import models
from maitred.store.client import connect
from services.inference.app import build as build_inference
from services.inference.described import PATH
from services.ingest.app import build as build_ingest
from tests.support.documents import documents
from tests.support.http import served
from tests.support.inference import ADMIN
from tests.support.publishing import publishing
from tests.support.servers import LiveValkey
from tests.support.wide import wide_run

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
DOCUMENTS: dict[str, dict[str, Any]] = {
    "inference": build_inference(Settings(admin_key="sesame"), SystemClock()).openapi(),
    "ingest": build_ingest(Settings(), SystemClock()).openapi(),
}
OPERATIONS = [
    (program, found.ok())
    for program, document in DOCUMENTS.items()
    for found in schemathesis.openapi.from_dict(document).get_all_operations()
]
ASKED = [
    pytest.param(program, operation, mode, id=f"{program} {operation.label} {mode.value}")
    for program, operation in OPERATIONS
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE or list(operation.query) or list(operation.body)
]
REQUESTS = settings(
    max_examples=120,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def programs(
    valkey_server: LiveValkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, httpx.Client]]:
    """Both programs behind sockets; inference serves a model, the log is in memory."""
    folder = tmp_path_factory.mktemp("openapi")
    with connect(valkey_server.url) as redis:
        redis.flushall()
        verdict = Verdict(passed=True, champion=None, checks=[])
        models.promote(redis, models.publish(redis, wide_run(folder / "run") / "model", verdict))
    with publishing(folder / "spool") as behind:
        ingest = build_ingest(
            Settings(state_dir=folder / "ingest", admin_key="sesame"),
            SystemClock(),
            publisher=behind.publisher,
            metrics=behind.metrics,
        )
        with served(ingest) as other:
            inference = build_inference(
                Settings(
                    state_dir=folder / "inference",
                    redis_url=valkey_server.url,
                    admin_key="sesame",
                    ingest_url=str(other.base_url),
                ),
                SystemClock(),
                outlet=lambda _key, _value: True,
            )
            with served(inference) as one:
                yield {"inference": one, "ingest": other}


@pytest.mark.parametrize(("program", "operation", "mode"), ASKED)
def test_every_reply_is_one_that_the_document_promises(
    programs: dict[str, httpx.Client],
    program: str,
    operation: APIOperation,
    mode: GenerationMode,
) -> None:
    client = programs[program]

    @REQUESTS
    @given(operation.as_strategy(generation_mode=mode))
    def ask(case: Case) -> None:
        case.headers.update(ADMIN)
        reply = case.call(base_url=str(client.base_url))
        case.validate_response(reply, checks=CHECKS)

    ask()


@REQUESTS
@given(st.binary(max_size=80), st.binary(max_size=80))
def test_any_bytes_in_the_query_or_the_body_are_answered(
    programs: dict[str, httpx.Client], query: bytes, body: bytes
) -> None:
    escaped = "".join(f"%{byte:02X}" for byte in query)

    for words in (escaped, f"user_id={escaped}", f"cursor={escaped}&cuisine={escaped}"):
        got = programs["inference"].get(f"{PATH}?{words}")
        assert got.status_code in {200, 422}
    posted = programs["inference"].post(PATH, content=body)
    assert posted.status_code in {200, 422}


def test_every_example_of_the_document_can_be_sent_as_it_stands(
    programs: dict[str, httpx.Client],
) -> None:
    operations = DOCUMENTS["inference"]["paths"][PATH]
    here = {"lat": 41.88, "lon": -87.63}

    for parameter in operations["get"]["parameters"]:
        name, example = parameter["name"], parameter["example"]
        with_place = here if name in {"lat", "lon", "radius_km", "delivers"} else {}
        said = {k: str(v).lower() if isinstance(v, bool) else v for k, v in {name: example}.items()}
        reply = programs["inference"].get(f"{PATH}?{urlencode(with_place | said, doseq=True)}")
        assert reply.status_code == 200, reply.text
    examples = operations["post"]["requestBody"]["content"]["application/json"]["examples"]
    for example in examples.values():
        reply = programs["inference"].post(PATH, json=example["value"])
        assert reply.status_code == 200, reply.text
    members = operations["post"]["requestBody"]["content"]["application/json"]["schema"]
    for name, member in members["properties"].items():
        reply = programs["inference"].post(PATH, json=here | {name: member["examples"][0]})
        assert reply.status_code == 200, reply.text


def test_the_client_of_the_five_minutes_runs_as_it_is_printed(
    programs: dict[str, httpx.Client],
) -> None:
    [page] = [document for document in documents() if document.name == "docs/api.md"]
    [printed] = [block for block in page.blocks("python") if "urlopen" in block]
    for program, port in (("inference", 8080), ("ingest", 8081)):
        address = str(programs[program].base_url).rstrip("/")
        printed = printed.replace(f"http://127.0.0.1:{port}", address)

    run = subprocess.run(
        [sys.executable, "-c", printed], capture_output=True, text=True, timeout=60, check=False
    )

    assert run.returncode == 0, run.stderr
    # every restaurant, page by page; other tests of this file may have written some more
    assert len(run.stdout.splitlines()) >= 300 / 20
