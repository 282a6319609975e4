"""The doors of similar and popular restaurants: anonymous, and told apart by their ETag."""

from datetime import datetime
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from maitred.errors import InvalidInput
from services.inference.ask import Ask
from services.inference.deps import Dependencies
from services.inference.lookups import Page
from services.inference.paths import CATALOGUE_VERSION, DIAL, FILTERS, POPULAR, SIMILAR
from services.inference.schemas import ask_of_query
from services.inference.snapshot import Snapshot
from services.web.entity_tags import tags_of

__all__ = ["lookup_routes"]

_CACHE = "public, max-age=1"
"""A cache between may show what was true a second ago: as long as a changed restaurant may take."""


def lookup_routes() -> list[Route]:
    """Return both routes."""
    return [
        Route(SIMILAR.replace("}", ":path}"), similar, methods=["GET"]),  # ids may hold a slash
        Route(POPULAR, popular, methods=["GET"]),
    ]


async def similar(request: Request) -> Response:
    """Answer ``GET /v1/similar/{restaurant_id}``."""
    deps: Dependencies = request.app.state.dependencies
    now = deps.clock.now()
    ask = _ask(request, FILTERS, now)
    within_s = deps.settings.budget_ms / 4000
    name, snapshot = request.path_params["restaurant_id"], deps.snapshots.now
    page, is_remembered = await deps.lookups.similar(name, ask, snapshot, within_s=within_s)
    return _answer(request, "similar", page, snapshot, is_remembered=is_remembered)


async def popular(request: Request) -> Response:
    """Answer ``GET /v1/popular``."""
    deps: Dependencies = request.app.state.dependencies
    now = deps.clock.now()
    ask = _ask(request, FILTERS + DIAL, now)
    snapshot = deps.snapshots.now
    policy = deps.recommender.policy_for(ask, snapshot)
    within_s = deps.settings.budget_ms / 2000
    page, is_remembered = await deps.lookups.popular(ask, policy, snapshot, within_s=within_s)
    return _answer(request, "popular", page, snapshot, is_remembered=is_remembered)


def _ask(request: Request, known: tuple[str, ...], now: datetime) -> Ask:
    deps: Dependencies = request.app.state.dependencies
    query = request.scope["query_string"]
    given = dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True))
    if unknown := [name for name in given if name not in known]:
        msg = f"unknown parameters: {', '.join(unknown)}"
        raise InvalidInput(msg, fields=tuple((name, "unknown parameter") for name in unknown))
    ask = ask_of_query(query, _minute(now), deps.policies)
    deps.recommender.check(ask, deps.snapshots.now)
    return ask


def _minute(now: datetime) -> datetime:
    """Opening hours know minutes: a reply holds until the minute ends."""
    return now.replace(second=0, microsecond=0)


def _answer(
    request: Request, route: str, page: Page, snapshot: Snapshot, *, is_remembered: bool
) -> Response:
    deps: Dependencies = request.app.state.dependencies
    headers = {
        "ETag": f'"{page.etag}"',
        "Cache-Control": _CACHE,
        CATALOGUE_VERSION: snapshot.catalogue_version,
    }
    known = tags_of(request, "if-none-match")
    if known and known.includes(page.etag):
        deps.metrics.lookups.labels(route, "unchanged").inc()
        return Response(status_code=304, headers=headers)
    deps.metrics.lookups.labels(route, "remembered" if is_remembered else "made").inc()
    return Response(page.body, headers=headers, media_type="application/json")
