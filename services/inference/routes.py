"""The doors for diners beside recommendations."""

from typing import Any

from fastapi import APIRouter, Depends, Request

from maitred.catalogue import format_hours
from maitred.errors import NotFound
from services.inference.deps import Dependencies
from services.inference.policies import PolicyReply
from services.web.parameters import no_unknown_parameters

__all__ = ["router"]

router = APIRouter(tags=["restaurants"], dependencies=[Depends(no_unknown_parameters)])


@router.get("/v1/policies", summary="Named policies, and what they mean")
async def show_policies(request: Request) -> list[PolicyReply]:
    """Return the policies that a request may name, in the order of their file."""
    deps: Dependencies = request.app.state.dependencies
    return [PolicyReply.of(policy) for policy in deps.policies.values()]


@router.get("/v1/restaurants/{restaurant_id:path}", summary="What is known of a restaurant")
async def show_restaurant(request: Request, restaurant_id: str) -> dict[str, Any]:
    """Return a restaurant of the models that are served."""
    deps: Dependencies = request.app.state.dependencies
    restaurant = deps.snapshots.now.restaurant(restaurant_id)
    if restaurant is None:
        msg = f"no restaurant {restaurant_id!r} is known"
        raise NotFound(msg, fields=(("restaurant_id", "unknown"),))
    return {
        "restaurant_id": restaurant.restaurant_id,
        "name": restaurant.name,
        "lat": restaurant.lat,
        "lon": restaurant.lon,
        "cuisines": list(restaurant.cuisines),
        "price_level": restaurant.price_level,
        "avg_value_minor": restaurant.avg_value_minor,
        "commission_rate": restaurant.commission_rate,
        "hours": format_hours(restaurant.hours),
        "timezone": restaurant.timezone,
        "attributes": list(restaurant.attributes),
        "delivery_km": restaurant.delivery_km,
    }
