"""``DELETE /v1/users/{user_id}``: passed on to ingest, which alone writes to the log.

The id goes on as it came: ingest is the door that makes a pseudonym of it.
"""

from fastapi import APIRouter, Depends, Request

from maitred.client import Client, Erasure
from maitred.client.addresses import ingest_beside
from maitred.errors import Unauthorised, Unavailable
from maitred.events import Traffic
from services.inference.deps import Dependencies
from services.web.auth import AdminKey
from services.web.parameters import no_unknown_parameters

__all__ = ["erasure_router"]

WITHIN_S = 5.0
"""Longest wait for ingest: it answers within two, with Kafka away, too."""


def erasure_router(key: str) -> APIRouter:
    """Return the route, guarded by ``key``."""

    def erase_user(request: Request, user_id: str) -> Erasure:
        """Ask ingest to have a diner forgotten, and return what it says.

        Blocking, so a plain function, which FastAPI runs on a thread.
        """
        deps: Dependencies = request.app.state.dependencies
        ingest = ingest_beside(deps.settings)
        with Client("", ingest, traffic=Traffic.LIVE, timeout_s=WITHIN_S, admin_key=key) as client:
            try:
                return client.erase(user_id)
            except Unauthorised as error:
                msg = "nothing is erased: ingest has another admin key than inference"
                step = "give both the same MAITRED_ADMIN_KEY, or ask ingest with its own key"
                raise Unavailable(msg, next_step=step) from error
            except Unavailable as error:
                msg = f"nothing is erased: ingest does not take it ({error})"
                step = "ask again later; is ingest running, and is MAITRED_INGEST_URL its address?"
                raise Unavailable(msg, next_step=step) from error

    router = APIRouter(
        tags=["users"], dependencies=[Depends(AdminKey(key)), Depends(no_unknown_parameters)]
    )
    router.add_api_route(
        "/v1/users/{user_id:path}",
        erase_user,
        methods=["DELETE"],
        status_code=202,
        response_model=Erasure,
        summary="Have a diner forgotten",
        description="Passed on to ingest, whose reply says what becomes of it when.",
    )
    return router
