"""Query parameters nobody declared are refused: a misspelt filter must not silently do nothing."""

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from maitred.errors import InvalidInput

__all__ = ["no_unknown_parameters"]


async def no_unknown_parameters(request: Request) -> None:
    """Check one request, as a dependency.

    Raises:
        InvalidInput: naming each parameter that the route does not declare.
    """
    if not request.query_params:
        return
    route = request.scope["route"]
    known = _declared(route) if isinstance(route, APIRoute) else set()
    unknown = sorted(set(request.query_params) - known)
    if unknown:
        reason = "unknown parameter"
        msg = f"unknown parameters: {', '.join(unknown)}"
        raise InvalidInput(msg, fields=tuple((name, reason) for name in unknown))


def _declared(route: APIRoute) -> set[str]:
    names: set[str] = set()
    waiting: list[Dependant] = [route.dependant]
    while waiting:
        dependant = waiting.pop()
        names.update(field.alias for field in dependant.query_params)
        waiting.extend(dependant.dependencies)
    return names
