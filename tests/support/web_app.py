"""A tiny ASGI application and a tiny companion, for tests of the process model.

Run as a program it is a master of them: ``python -m tests.support.web_app`` with our settings in
its environment. ``MAITRED_SEED`` 404 makes every worker fail at its start.
"""

import asyncio
import os
import select
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request
from prometheus_client import CollectorRegistry
from starlette.responses import Response

from maitred.cli import reporting
from maitred.clock import SystemClock
from maitred.errors import Refused
from maitred.observability import Metrics
from maitred.settings import load
from services.web.app import Frame, build_app
from services.web.companion import Companion
from services.web.launcher import run
from services.web.responses import JsonResponse

BROKEN = 404
PROGRAM = "inference"
"""So that `maitred reload` takes it for the real one."""


def create() -> Frame:
    """Answers with its pid: at once, late, or after reading a body."""
    settings = load()
    metrics = Metrics(CollectorRegistry())

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        flag = settings.state_dir / "broken"
        if settings.seed == BROKEN or flag.exists():
            msg = "the kitchen is closed"
            raise Refused(msg)
        metrics.loop_lag.set(1.0)
        metrics.spool_bytes.set(100.0)
        yield
        (settings.state_dir / "closed").touch()

    app = build_app(
        program=PROGRAM,
        description="For tests.",
        metrics=metrics,
        ready=lambda: (True, {}),
        lifespan=lifespan,
    )

    @app.get("/pid")
    async def pid(request: Request) -> Response:
        metrics.spooled.inc()
        if settings.impressions_fd is not None and "n" in request.query_params:
            os.write(settings.impressions_fd, request.query_params["n"].encode())
        now, state = SystemClock().monotonic(), request.scope["state"]
        waited, delayed = now - state["arrived"], now - state["due"]
        return JsonResponse({"pid": os.getpid(), "waited_s": waited, "delayed_s": delayed})

    @app.get("/slow/{seconds}")
    async def slow(seconds: float) -> Response:
        await asyncio.sleep(seconds)
        return JsonResponse({"pid": os.getpid()})

    @app.post("/body")
    async def body(request: Request) -> Response:
        return JsonResponse({"bytes": len(await request.body())})

    return app


def receive() -> None:
    """Be a companion: append each datagram to a file, until the master is gone or says so."""
    settings = load()
    assert settings.impressions_fd is not None
    lifeline, inbox = sys.stdin.fileno(), settings.impressions_fd
    with (settings.state_dir / "received").open("ab", buffering=0) as file:
        while lifeline not in (readable := select.select([lifeline, inbox], [], [])[0]):
            for ready in readable:
                file.write(os.read(ready, 1000) + b"\n")


def main() -> None:
    settings = load()
    argv = (sys.executable, "-P", str(Path(__file__)), "receive")
    run(
        PROGRAM,
        "tests.support.web_app:create",
        settings,
        port=settings.inference_port or 0,
        workers=settings.workers,
        companions=[Companion("receiver", argv, inbox="impressions_fd")],
    )


if __name__ == "__main__":
    with reporting():
        receive() if sys.argv[1:] == ["receive"] else main()
