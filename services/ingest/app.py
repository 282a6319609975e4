"""Puts ingest together as an ASGI application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from maitred.clock import Clock, SystemClock
from maitred.heap import settle
from maitred.observability import Metrics, configure_logging
from maitred.settings import Settings, load
from services.eventlog.publisher import Publisher
from services.ingest import schemas, users, versions
from services.ingest.deps import assemble
from services.ingest.routes import router
from services.web.app import build_app

__all__ = ["build", "create"]

_DESCRIPTION = """Takes what diners did. Accepted (202) means durable: it will be archived once."""


def create() -> FastAPI:
    """Return the application for uvicorn, from the environment."""
    settings = load()
    configure_logging(settings.log_level)
    app = build(settings, SystemClock())
    settle()
    return app


def build(
    settings: Settings,
    clock: Clock,
    *,
    publisher: Publisher | None = None,
    metrics: Metrics | None = None,
) -> FastAPI:
    """Return the application; what it works with lives from its start-up to its shut-down."""
    counted = metrics or Metrics(CollectorRegistry())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with assemble(settings, clock, counted, publisher=publisher) as dependencies:
            app.state.dependencies = dependencies
            yield

    def ready() -> tuple[bool, dict[str, object]]:
        """Whatever Kafka does: there is the spool."""
        return True, {"spooled": app.state.dependencies.publisher.spooled}

    app = build_app(
        program="ingest",
        description=_DESCRIPTION,
        metrics=counted,
        ready=ready,
        lifespan=lifespan,
        extend=schemas.add_to,
    )
    app.include_router(router)
    app.include_router(users.router)
    app.include_router(versions.router)
    return app
