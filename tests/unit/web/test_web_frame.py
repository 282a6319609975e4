"""What every HTTP program answers to errors, strangers and too much, on a program made for it."""

from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, Depends, Query
from prometheus_client import CollectorRegistry
from pydantic import BaseModel

from maitred.errors import Overloaded, StoreUnavailable
from maitred.observability import Metrics
from services.web.app import build_app
from services.web.auth import AdminKey
from services.web.parameters import no_unknown_parameters


class Order(BaseModel):
    count: int


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry())


@pytest.fixture
def http(metrics: Metrics) -> httpx.AsyncClient:
    router = APIRouter(dependencies=[Depends(no_unknown_parameters)])

    @router.get("/k")
    async def ask(k: Annotated[int, Query(ge=1)] = 1) -> int:
        return k

    @router.post("/orders")
    async def order(order: Order) -> int:
        return order.count

    @router.get("/bug")
    async def bug() -> int:
        msg = "the secret ingredient"
        raise RuntimeError(msg)

    @router.get("/away")
    async def away() -> int:
        msg = "Redis did not answer"
        raise StoreUnavailable(msg, next_step="is it running?")

    @router.get("/full")
    async def full() -> int:
        msg = "the queue is full"
        raise Overloaded(msg)

    @router.get("/vault", dependencies=[Depends(AdminKey("sesame"))])
    async def vault() -> str:
        return "open"

    app = build_app(
        program="test", description="", metrics=metrics, ready=lambda: (False, {"why": "closed"})
    )
    app.include_router(router)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://test")


@pytest.mark.parametrize(
    ("method", "path", "status", "fields"),
    [
        ("GET", "/k?k=0", 422, ["k"]),
        ("GET", "/k?k=1&kk=2&z=3", 422, ["kk", "z"]),
        ("GET", "/nowhere", 404, []),
        ("PUT", "/k", 405, []),
        ("GET", "/away", 503, []),
        ("GET", "/full", 429, []),
        ("GET", "/vault", 401, []),
        ("GET", "/bug", 500, []),
    ],
)
async def test_every_error_is_a_problem_of_one_form(
    http: httpx.AsyncClient, method: str, path: str, status: int, fields: list[str]
) -> None:
    reply = await http.request(method, path)

    problem = reply.json()
    assert (reply.status_code, problem["status"]) == (status, status)
    assert reply.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "status", "detail", "errors"} <= problem.keys()
    assert [error["field"] for error in problem["errors"]] == fields
    assert all(error["reason"] for error in problem["errors"])


async def test_a_body_that_is_not_json_names_the_body(http: httpx.AsyncClient) -> None:
    headers = {"Content-Type": "application/json"}

    torn = await http.post("/orders", content=b"{", headers=headers)
    wrong = await http.post("/orders", json={"count": "many"})

    assert [e["field"] for e in torn.json()["errors"]] == ["body"]
    assert [e["field"] for e in wrong.json()["errors"]] == ["count"]


async def test_what_may_work_later_says_when_to_come_back(http: httpx.AsyncClient) -> None:
    away = await http.get("/away")

    assert away.headers["retry-after"] == "1"
    assert away.json()["next_step"] == "is it running?"


async def test_a_bug_is_counted_and_keeps_its_text_inside(
    http: httpx.AsyncClient, metrics: Metrics
) -> None:
    reply = await http.get("/bug")

    assert "secret" not in reply.text
    counted = metrics.registry.get_sample_value(
        "maitred_unexpected_errors_total", {"program": "test"}
    )
    assert counted == 1


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Bearer sesame", 200),
        ("bearer sesame", 200),
        ("Bearer sesame2", 401),
        ("Basic sesame", 401),
        ("sesame", 401),
        ("Bearer ", 401),
    ],
)
async def test_the_vault_opens_to_its_key_only(
    http: httpx.AsyncClient, header: str, status: int
) -> None:
    reply = await http.get("/vault", headers={"Authorization": header})

    assert reply.status_code == status
    assert "sesame" not in reply.text


async def test_readiness_and_its_details_come_from_the_program(http: httpx.AsyncClient) -> None:
    ready, alive = await http.get("/readyz"), await http.get("/healthz")

    assert (ready.status_code, alive.status_code) == (503, 200)
    assert ready.json() == {"ready": False, "why": "closed"}


async def test_openapi_describes_problems(http: httpx.AsyncClient) -> None:
    document = (await http.get("/openapi.json")).json()

    assert "Problem" in document["components"]["schemas"]
    assert "HTTPValidationError" not in document["components"]["schemas"]
    assert (
        "application/problem+json" in document["paths"]["/k"]["get"]["responses"]["4XX"]["content"]
    )
