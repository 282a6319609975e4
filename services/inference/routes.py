"""The door to what a request may name: policies."""

from fastapi import APIRouter, Depends, Request

from services.inference.deps import Dependencies
from services.inference.policies import PolicyReply
from services.web.parameters import no_unknown_parameters

__all__ = ["router"]

router = APIRouter(tags=["recommendations"], dependencies=[Depends(no_unknown_parameters)])


@router.get("/v1/policies", summary="Named policies, and what they mean")
async def show_policies(request: Request) -> list[PolicyReply]:
    """Return the policies that a request may name, in the order of their file."""
    deps: Dependencies = request.app.state.dependencies
    return [PolicyReply.of(policy) for policy in deps.policies.values()]
