"""Errors as RFC 9457 problem details, the same at every door.

Our own errors bring their status; whatever is not ours is a bug: counted, logged, 500, and its
text stays inside.
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from maitred.errors import MaitredError, Unauthorised, Unavailable
from maitred.observability import Metrics

__all__ = ["PROBLEMS", "Problem", "guarded", "install", "problem_response"]

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 1

_log = logging.getLogger(__name__)


class FieldError(BaseModel):
    """One input at fault."""

    field: str
    reason: str


class Problem(BaseModel):
    """RFC 9457 problem details; ``errors`` names each input at fault."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "about:blank",
                    "title": "Unprocessable Content",
                    "status": 422,
                    "detail": "k: must be between 1 and 100",
                    "errors": [{"field": "k", "reason": "must be between 1 and 100"}],
                }
            ]
        }
    )

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[FieldError] = []
    next_step: str | None = None


_CONTENT = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    "4XX": {"description": "Refused: what is wrong, and with which input.", "content": _CONTENT},
    "5XX": {"description": "Failed here, or something behind is away.", "content": _CONTENT},
}
"""OpenAPI responses for ``FastAPI(responses=…)``."""


def problem_response(
    status: int,
    detail: str,
    *,
    errors: Iterable[tuple[str, str]] = (),
    next_step: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a problem details reply; ``errors`` are (field, reason)."""
    body: dict[str, object] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "errors": [{"field": field, "reason": reason} for field, reason in errors],
    }
    if next_step is not None:
        body["next_step"] = next_step
    return Response(orjson.dumps(body), status, headers, MEDIA_TYPE)


def guarded(inner: ASGIApp, program: str, metrics: Metrics) -> ASGIApp:
    """Return an application that answers every error as a problem by itself.

    ``inner`` must not have begun its reply when it raises.
    """
    unexpected = _unexpected(program, metrics)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await inner(scope, receive, send)
        except MaitredError as error:
            await _ours(Request(scope), error)(scope, receive, send)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001  # an outermost loop
            await unexpected(Request(scope), error)(scope, receive, send)

    return app


def _unexpected(program: str, metrics: Metrics) -> Callable[[Request, Exception], Response]:
    def unexpected(request: Request, error: Exception) -> Response:
        metrics.unexpected.labels(program).inc()
        # the route's own path where it has parameters: an id of a diner is no business of the log
        path = getattr(request.scope.get("route"), "path", request.url.path)
        _log.error("%s %s failed", request.method, path, exc_info=error)
        return problem_response(500, "an unexpected error; it has been logged")

    return unexpected


def install(app: FastAPI, program: str, metrics: Metrics) -> None:
    """Make ``app`` answer every error as a problem; unexpected ones are counted for ``program``."""
    app.add_exception_handler(MaitredError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _of_the_framework)
    app.add_exception_handler(Exception, _unexpected(program, metrics))


def _ours(_request: Request, error: Exception) -> Response:
    assert isinstance(error, MaitredError)  # noqa: S101  # what it is registered for
    headers = {}
    if isinstance(error, Unauthorised):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, Unavailable):
        headers["Retry-After"] = str(RETRY_AFTER_S)
    return problem_response(
        error.http_status,
        str(error),
        errors=error.fields,
        next_step=error.next_step,
        headers=headers,
    )


def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # what it is registered for
    errors = [(_field(e["loc"]), str(e["msg"])) for e in error.errors()]
    field, reason = errors[0]
    return problem_response(422, f"{field}: {reason}", errors=errors)


def _field(location: tuple[str | int, ...]) -> str:
    """Return a FastAPI location without its first part (query, path, body) and byte positions."""
    names = [str(part) for part in location[1:]]
    if location[0] == "body" and len(location) == 2 and isinstance(location[1], int):  # noqa: PLR2004
        names = []
    return ".".join(names) or str(location[0])


def _of_the_framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # what it is registered for
    details = {
        404: f"there is nothing at {request.url.path}",
        405: f"{request.method} is not possible at {request.url.path}",
    }
    detail = details.get(error.status_code, str(error.detail))
    return problem_response(error.status_code, detail, headers=error.headers)
