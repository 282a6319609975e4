"""The doors to restaurants as they are now: anybody may read, the admin key writes.

A write is answered when Redis has it and this worker serves it; the other workers follow within
a second. A worker takes one bulk write at a time, and checks its rows on a thread that rests.
"""

import asyncio
from typing import Any

import orjson
from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from maitred.catalogue import Rest, Restaurant, record_of
from maitred.errors import InvalidInput, NotFound, TooLarge
from maitred.ids import MAX_ID_CHARS
from maitred.store.catalogue import Change, Position, tag_of
from services.inference.deps import Dependencies
from services.inference.follow import Rests
from services.inference.paths import CATALOGUE_VERSION
from services.inference.records import EXAMPLE, RestaurantBody, record_from
from services.web.auth import AdminKey
from services.web.entity_tags import tags_of
from services.web.parameters import no_unknown_parameters
from services.web.responses import JsonResponse

__all__ = ["MAX_RESTAURANTS", "restaurants_router"]

PATH = "/v1/restaurants"
MAX_RESTAURANTS = 1000
"""Most restaurants of one bulk write."""
_ROWS_A_TURN = 20
"""Rows checked before requests get their turn: about a millisecond."""
_TAG_CHARS = 40
_NO_TAG = "no such tag"
_MAX_REPORTED = 100
"""Faults named in one refusal."""

_SCHEMA = RestaurantBody.model_json_schema()
_JSON = "application/json"


def _body(schema: dict[str, Any], example: object) -> dict[str, Any]:
    content = {_JSON: {"schema": schema, "example": example}}
    return {"requestBody": {"required": True, "content": content}}


def _answers(text: str, schema: dict[str, Any], example: object) -> dict[str, Any]:
    return {"description": text, "content": {_JSON: {"schema": schema, "example": example}}}


_BULK_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["restaurants"],
    "properties": {"restaurants": {"type": "array", "maxItems": MAX_RESTAURANTS, "items": _SCHEMA}},
}
_WRITTEN: dict[str, Any] = {
    "type": "object",
    "required": ["created", "replaced", "catalogue_version"],
    "properties": {
        "created": {"type": "integer"},
        "replaced": {"type": "integer"},
        "catalogue_version": {"type": "string"},
    },
}
_WRITTEN_EXAMPLE = {"created": 1, "replaced": 0, "catalogue_version": "5f0c21aa-17"}
_ONE = PATH + "/{restaurant_id:path}"


def restaurants_router(key: str) -> APIRouter:
    """Return the routes; those that write are guarded by ``key``."""
    router = APIRouter(tags=["restaurants"], dependencies=[Depends(no_unknown_parameters)])
    guarded = [Depends(AdminKey(key))]
    found = _answers("The restaurant.", _SCHEMA, EXAMPLE)
    router.add_api_route(
        _ONE,
        show,
        methods=["GET"],
        response_model=None,
        summary="What is now true of a restaurant",
        responses={200: found},
    )
    router.add_api_route(
        _ONE,
        put,
        methods=["PUT"],
        response_model=None,
        dependencies=guarded,
        summary="Write a whole restaurant",
        responses={200: found | {"description": "Replaced."}, 201: found},
        openapi_extra=_body(_SCHEMA, EXAMPLE),
    )
    router.add_api_route(
        _ONE,
        delete,
        methods=["DELETE"],
        response_model=None,
        status_code=204,
        dependencies=guarded,
        summary="Take a restaurant away",
    )
    router.add_api_route(
        PATH,
        put_many,
        methods=["POST"],
        response_model=None,
        dependencies=guarded,
        summary="Write up to 1,000 restaurants",
        responses={200: _answers("All are written.", _WRITTEN, _WRITTEN_EXAMPLE)},
        openapi_extra=_body(_BULK_SCHEMA, {"restaurants": [EXAMPLE]}),
    )
    return router


async def show(request: Request, restaurant_id: str) -> Response:
    """Return a restaurant as it is now, with its entity tag; 304 if the caller has that already."""
    deps: Dependencies = request.app.state.dependencies
    now = deps.snapshots.now
    restaurant = now.restaurant(restaurant_id)
    if restaurant is None:
        msg = f"no restaurant {restaurant_id!r} is known"
        raise NotFound(msg, fields=(("restaurant_id", "unknown"),))
    tag, known = tag_of(restaurant), tags_of(request, "if-none-match")
    if known and known.includes(tag):
        return Response(status_code=304, headers={"ETag": f'"{tag}"'})
    return _shown(restaurant, now.position, 200)


async def put(request: Request, restaurant_id: str) -> Response:
    """Write what is true of a restaurant from now on: 201 if it is new, else 200.

    With ``If-Match`` only over the state of that entity tag, with ``If-None-Match: *`` only if
    there is none yet; otherwise 412.
    """
    deps: Dependencies = request.app.state.dependencies
    body = _json(await request.body())
    if isinstance(body, dict):
        body = {"restaurant_id": restaurant_id} | body
    record = record_from(body)
    if record.restaurant_id != restaurant_id:
        raise _invalid(field="restaurant_id", reason="is not the one of the path")
    known = deps.snapshots.now.modelled(restaurant_id)
    change = Change(restaurant_id, record, known, _expected(request))
    position, (existed,) = await _write(deps, [change])
    return _shown(record, position, 200 if existed else 201)


async def delete(request: Request, restaurant_id: str) -> Response:
    """Take a restaurant away; 404 if it is not there. ``If-Match`` as in PUT."""
    deps: Dependencies = request.app.state.dependencies
    if not 1 <= len(restaurant_id) <= MAX_ID_CHARS:
        msg = f"no restaurant {restaurant_id!r} is known"
        raise NotFound(msg, fields=(("restaurant_id", "unknown"),))
    known = deps.snapshots.now.modelled(restaurant_id)
    change = Change.removal(restaurant_id, known, _expected(request))
    position, _ = await _write(deps, [change])
    return Response(status_code=204, headers={CATALOGUE_VERSION: str(position)})


async def put_many(request: Request) -> Response:
    """Write restaurants, each whole. If a row is at fault nothing is written, and rows are named.

    Should Redis fail midway, 503: some are written, and writing all again does no harm.
    """
    deps: Dependencies = request.app.state.dependencies
    raw = await request.body()
    async with deps.follow.one_bulk:
        rest = Rests(deps.clock, lambda: deps.admission.lag_s)
        records = await asyncio.to_thread(_records, raw, rest)
        now = deps.snapshots.now
        changes = [Change(r.restaurant_id, r, now.modelled(r.restaurant_id)) for r in records]
        position, existed = await _write(deps, changes) if changes else (now.position, [])
    body = {
        "created": existed.count(False),
        "replaced": existed.count(True),
        "catalogue_version": str(position),
    }
    return JsonResponse(body, headers={CATALOGUE_VERSION: str(position)})


async def _write(deps: Dependencies, changes: list[Change]) -> tuple[Position, list[bool]]:
    position, existed = await asyncio.to_thread(deps.restaurants.write, changes)
    await deps.follow.catch_up(position)
    return position, existed


def _records(raw: bytes, rest: Rest) -> list[Restaurant]:
    """Read the rows of a bulk write, on a thread that lets others have their turn."""
    rows = _rows(_json(raw))
    records: dict[str, Restaurant] = {}
    faults: list[tuple[str, str]] = []
    for number, row in enumerate(rows):
        try:
            record = record_from(row, at=f"restaurants.{number}")
        except InvalidInput as error:
            faults += error.fields
        else:
            if record.restaurant_id in records:
                faults.append((f"restaurants.{number}.restaurant_id", "stands twice"))
            records[record.restaurant_id] = record
        if number % _ROWS_A_TURN == _ROWS_A_TURN - 1:
            rest()
    if faults:
        msg = f"{faults[0][0]}: {faults[0][1]}; nothing is written"
        raise InvalidInput(msg, fields=tuple(faults[:_MAX_REPORTED]))
    return list(records.values())


def _rows(body: object) -> list[object]:
    if not isinstance(body, dict) or set(body) != {"restaurants"}:
        raise _invalid(field="body", reason='must be an object {"restaurants": [...]}')
    rows: object = body["restaurants"]
    if not isinstance(rows, list):
        raise _invalid(field="restaurants", reason="must be a list")
    if len(rows) > MAX_RESTAURANTS:
        msg = f"{len(rows)} restaurants are more than {MAX_RESTAURANTS} a call"
        raise TooLarge(msg, fields=(("restaurants", msg),), next_step="send them in parts")
    return rows


def _json(raw: bytes) -> object:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise _invalid(field="body", reason=f"is not JSON: {error}") from error


def _expected(request: Request) -> str:
    """Return what a write demands of the state before it, as `Change.expected`."""
    match, none_match = tags_of(request, "if-match"), tags_of(request, "if-none-match")
    if none_match is not None:
        if not none_match.is_any or match is not None:
            raise _invalid(
                field="If-None-Match", reason="of a write must be *, and without If-Match"
            )
        return ""
    if match is None:
        return "*"
    if match.is_any:
        return "+"
    if len(match.strong) + len(match.weak) > 1:
        raise _invalid(field="If-Match", reason="of a write must be one entity tag or *")
    # weak ones never match: RFC 9110, 13.1.1
    return match.strong[0] if match.strong and len(match.strong[0]) == _TAG_CHARS else _NO_TAG


def _shown(restaurant: Restaurant, position: Position, status: int) -> Response:
    headers = {"ETag": f'"{tag_of(restaurant)}"', CATALOGUE_VERSION: str(position)}
    return JsonResponse(record_of(restaurant), status, headers)


def _invalid(*, field: str, reason: str) -> InvalidInput:
    return InvalidInput(f"{field}: {reason}", fields=((field, reason),))
