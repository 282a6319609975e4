"""The frame of an HTTP program: errors, limits, health, metrics; routers come from the program."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import PlainTextResponse as PlainText
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from typing_extensions import override

from maitred.observability import Metrics
from services.web import problems
from services.web.exposition import exposition
from services.web.limits import BodyLimit
from services.web.responses import JsonResponse

__all__ = ["Frame", "Readiness", "build_app"]

Readiness = Callable[[], tuple[bool, dict[str, object]]]
"""Says whether the program can do its work, and what else ``/readyz`` tells."""


class Frame(FastAPI):
    """A FastAPI with a shortcut: the paths of ``direct`` skip its middleware and its routing.

    They are whole ASGI applications, for the few routes where every microsecond is paid in every
    request; other methods of these paths take the usual way.
    """

    direct: dict[tuple[str, str], ASGIApp]

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = None
        if scope["type"] == "http":
            app = self.direct.get((scope["method"], scope["path"]))
        if app is None:
            await super().__call__(scope, receive, send)
        else:
            scope["app"] = self
            await app(scope, receive, send)


def build_app(
    *,
    program: str,
    description: str,
    metrics: Metrics,
    ready: Readiness,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None,
    extend: Callable[[dict[str, Any]], None] | None = None,
) -> Frame:
    """Return an app that lacks only its routers.

    ``/healthz`` answers 200 while the process lives; ``/readyz`` 200 or 503 with
    ``{"ready": …}`` and what ``ready`` adds. ``extend`` completes the OpenAPI document with
    what FastAPI does not know of.
    """
    app = Frame(
        title=f"maitred {program}",
        version="1",
        description=description,
        lifespan=lifespan,
        docs_url=None,  # its pages would load scripts from elsewhere
        redoc_url=None,
        responses=problems.PROBLEMS | {"422": problems.PROBLEMS["4XX"]},
    )
    app.direct = {}
    problems.install(app, program, metrics)
    app.add_middleware(BodyLimit)

    @app.get("/healthz", tags=["health"], summary="Alive")
    async def healthz() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz", tags=["health"], summary="Able to serve", response_model=None)
    async def readyz() -> Response:
        is_ready, details = ready()
        return JsonResponse({"ready": is_ready, **details}, 200 if is_ready else 503)

    @app.get("/metrics", tags=["health"], summary="Prometheus metrics", response_class=PlainText)
    def show_metrics(_request: Request) -> Response:
        return exposition(metrics)

    _describe(app, extend)
    return app


def _describe(app: FastAPI, extend: Callable[[dict[str, Any]], None] | None) -> None:
    """Put the problem's schema where ``PROBLEMS`` points to, and what the program adds."""
    generate = app.openapi
    document: dict[str, Any] = {}

    def openapi() -> dict[str, Any]:
        if not document:
            document.update(generate())
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            schema = problems.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(schema.pop("$defs", {}))
            schemas["Problem"] = schema
            if extend is not None:
                extend(document)
        return document

    app.openapi = openapi  # type: ignore[method-assign]
