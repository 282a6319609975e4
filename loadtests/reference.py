"""The bare reference: one FastAPI worker, one Redis GET, the reply's bytes; nothing else.

What a recommendation service would cost if it had nothing to compute. The bench stores one real
reply of ours under :data:`KEY` and measures this beside us, so that a ratio survives a slow machine.
Run: ``MAITRED_REDIS_URL=redis://… python -m loadtests.reference --port N``.
"""

import argparse
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import redis.asyncio
import uvicorn
from fastapi import FastAPI, Response

from maitred.settings import load

__all__ = ["KEY", "build"]

KEY = "{bench}:reply"
"""Redis key of the reply's bytes; the bench writes and deletes it."""


def build(redis_url: str) -> FastAPI:
    """Return the application; it connects when it starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.redis = redis.asyncio.from_url(redis_url)
        yield
        await app.state.redis.aclose()

    app = FastAPI(lifespan=lifespan, openapi_url=None)

    @app.get("/v1/recommendations")
    async def reply() -> Response:
        return Response(await app.state.redis.get(KEY), media_type="application/json")

    @app.get("/readyz")
    async def ready() -> Response:
        await app.state.redis.ping()
        return Response(status_code=200)

    return app


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.reference", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    port: int = parser.parse_args(sys.argv[1:]).port
    url = load().redis_url or "redis://127.0.0.1:6390"
    uvicorn.run(build(url), host="127.0.0.1", port=port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
