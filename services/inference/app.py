"""Puts the service together as an ASGI application."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.routing import Route

from maitred.clock import Clock, SystemClock
from maitred.observability import Metrics, configure_logging
from maitred.settings import Settings, load
from services.inference import batch_routes, described_more
from services.inference.admin import admin_router
from services.inference.channel import Outlet
from services.inference.deps import assemble
from services.inference.described import PATH
from services.inference.door import Recommendations
from services.inference.erasure import erasure_router
from services.inference.lookup_routes import lookup_routes
from services.inference.paths import BATCH
from services.inference.rehearsal import rehearse
from services.inference.restaurants import restaurants_router
from services.inference.routes import router
from services.web.app import build_app
from services.web.auth import admin_key
from services.web.limits import BodyLimit
from services.web.problems import guarded
from services.web.responses import answered

__all__ = ["build", "create"]

METHODS = ("GET", "POST")

_DESCRIPTION = """Restaurants for a diner, ranked for clicks, for revenue, or between the two.

`curl 'http://127.0.0.1:8080/v1/recommendations?user_id=u42&k=5&revenue_weight=0.25&explain=true'`
"""


def create() -> FastAPI:
    """Return the application for uvicorn, from the environment."""
    settings = load()
    configure_logging(settings.log_level)
    return build(settings, SystemClock())


def build(settings: Settings, clock: Clock, *, outlet: Outlet | None = None) -> FastAPI:
    """Return the application; what it works with lives from its start-up to its shut-down."""
    metrics = Metrics(CollectorRegistry())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with assemble(settings, clock, metrics, outlet=outlet) as dependencies:
            app.state.dependencies = dependencies
            await rehearse(app, PATH, dependencies)
            yield

    def ready() -> tuple[bool, dict[str, object]]:
        dependencies = app.state.dependencies
        return dependencies.watch.is_ready, {"models": dependencies.snapshots.now.versions()}

    app = build_app(
        program="inference",
        description=_DESCRIPTION,
        metrics=metrics,
        ready=ready,
        lifespan=lifespan,
        extend=described_more.add_to,
    )
    door = guarded(Recommendations(), "inference", metrics)
    app.router.routes.insert(0, _only(METHODS, Route(PATH, Recommendations(), methods=METHODS)))
    app.direct.update({("GET", PATH): door, ("POST", PATH): BodyLimit(door)})
    app.router.routes.insert(0, Route(BATCH, batch_routes.batch, methods=["POST"]))
    app.direct["POST", BATCH] = BodyLimit(
        guarded(answered(batch_routes.batch), "inference", metrics)
    )
    app.router.routes.extend(lookup_routes())
    key = admin_key(settings)
    app.include_router(router)
    app.include_router(restaurants_router(key))
    app.include_router(admin_router(key))
    app.include_router(erasure_router(key))
    return app


def _only(methods: Iterable[str], route: Route) -> Route:
    """Take away the HEAD that starlette adds to GET: it would log an impression that nobody saw."""
    route.methods = set(methods)
    return route
