"""The doors that need the admin key: which models there are, and which are served.

Blocking work on the store, so these are plain functions, which FastAPI runs on threads.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from maitred.store import models
from maitred.store.pointer import Current
from services.inference.deps import Dependencies
from services.web.auth import AdminKey
from services.web.parameters import no_unknown_parameters

__all__ = ["admin_router"]


def admin_router(key: str) -> APIRouter:
    """Return the routes, guarded by ``key``."""
    router = APIRouter(
        prefix="/v1/models",
        tags=["models"],
        dependencies=[Depends(AdminKey(key)), Depends(no_unknown_parameters)],
    )
    router.add_api_route("", list_models, methods=["GET"], summary="Models, and who serves what")
    router.add_api_route(
        "/rollback",
        roll_back,
        methods=["POST"],
        summary="Serve the model before the last promotion",
    )
    router.add_api_route(
        "/{version}/promote", promote, methods=["POST"], summary="Serve a published model"
    )
    return router


def list_models(request: Request) -> dict[str, Any]:
    """Return the pointer, what this worker serves and refused, and all published versions."""
    deps: Dependencies = request.app.state.dependencies
    current = models.current(deps.redis)
    return {
        "current": _pointer(current),
        "serving": deps.snapshots.now.versions(),
        "refused": [
            {"version": refusal.version, "reason": refusal.reason, "at": refusal.at.isoformat()}
            for refusal in deps.watch.refusals.values()
        ],
        "versions": [_described(deps, version) for version in models.versions(deps.redis)],
    }


def promote(request: Request, version: str) -> dict[str, Any]:
    """Serve a version from now on, if its gates passed against the one that is served."""
    deps: Dependencies = request.app.state.dependencies
    return {"current": _pointer(models.promote(deps.redis, version))}


def roll_back(
    request: Request, objective: Annotated[str | None, Query(pattern="^(clicks|revenue)$")] = None
) -> dict[str, Any]:
    """Serve the version before the last promotion; of the objective that changed last, if unsaid."""
    deps: Dependencies = request.app.state.dependencies
    return {"current": _pointer(models.rollback(deps.redis, objective))}


def _pointer(current: Current) -> dict[str, Any]:
    return {
        "clicks": current.clicks,
        "revenue": current.revenue,
        "previous": {"clicks": current.previous_clicks, "revenue": current.previous_revenue},
    }


def _described(deps: Dependencies, version: str) -> dict[str, Any]:
    verdict = models.verdict(deps.redis, version)
    manifest = models.manifest(deps.redis, version)
    return {
        "version": version,
        "objective": manifest.objective,
        "model": manifest.model,
        "fitted_on": manifest.fitted_on,
        "default_weight": manifest.default_weight,
        "metrics": manifest.metrics,
        "gates": verdict.model_dump(mode="json") if verdict else None,
    }
