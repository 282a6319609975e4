"""``GET /v1/events/schema``: what an event may say, for programs that write or check them."""

import hashlib
from typing import Any

import orjson
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel
from starlette.responses import Response

from maitred.errors import NotFound
from maitred.event_rules import VERSIONS
from services.ingest.schemas import SCHEMAS, described
from services.web.entity_tags import tags_of
from services.web.parameters import no_unknown_parameters

__all__ = ["router"]

_MEDIA_TYPE = "application/schema+json"

router = APIRouter(tags=["events"], dependencies=[Depends(no_unknown_parameters)])


class Version(BaseModel):
    """One version of the schema, and where it is described."""

    version: int
    url: str
    is_current: bool


class Versions(BaseModel):
    """Every version that is understood, oldest first."""

    versions: list[Version]


@router.get(SCHEMAS, summary="Versions of the schema of events")
async def list_versions() -> Versions:
    """Return every version that is understood, oldest first; the newest is the current one."""
    return Versions(
        versions=[
            Version(version=number, url=f"{SCHEMAS}/{number}", is_current=number == VERSIONS[-1])
            for number in VERSIONS
        ]
    )


@router.get(
    SCHEMAS + "/{version}",
    summary="What a client may send, as JSON Schema",
    response_model=None,
    responses={
        200: {
            "description": "JSON Schema, draft 2020-12.",
            "content": {_MEDIA_TYPE: {"schema": {"type": "object"}}},
        },
        304: {"description": "It is the one that the ETag names."},
    },
)
async def show_schema(request: Request, version: str) -> Response:
    """Return one version, with its entity tag; 304 if the caller has it already."""
    raw = orjson.dumps(_known(version), option=orjson.OPT_INDENT_2)
    tag = hashlib.sha256(raw).hexdigest()[:16]
    headers = {"ETag": f'"{tag}"', "Cache-Control": "public, max-age=3600"}
    known = tags_of(request, "if-none-match")
    if known is not None and known.includes(tag):
        return Response(status_code=304, headers=headers)
    return Response(raw, headers=headers, media_type=_MEDIA_TYPE)


def _known(version: str) -> dict[str, Any]:
    for number in VERSIONS:
        if version == str(number):
            return described(number)
    known = ", ".join(map(str, VERSIONS))
    msg = f"there is no version {version[:20]!r} of events; there are {known}"
    raise NotFound(msg, fields=(("version", "unknown"),), next_step=f"GET {SCHEMAS} lists them")
