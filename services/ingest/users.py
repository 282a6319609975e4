"""``DELETE /v1/users/{user_id}``: have a diner forgotten. It needs the admin key.

The reply says what was asked for and what becomes of it when, no more: readers of the log do the
erasing, each in its order.
"""

from datetime import timedelta

from fastapi import APIRouter, Depends, Request
from pydantic import AwareDatetime, BaseModel

from maitred.errors import InvalidInput
from maitred.ids import MAX_ID_CHARS
from services.eventlog.topics import topics_of
from services.ingest.deps import Dependencies
from services.ingest.schemas import USER
from services.web.parameters import no_unknown_parameters

__all__ = ["Erasure", "router"]


class Place(BaseModel):
    """One place where diners are known, and when it will not know this one any more."""

    place: str
    when: str


_PLACES = (
    Place(
        place="redis",
        when="when the features consumer reads the event, within seconds: the diner's state and "
        "rows of every published model; Redis's own file on disk within a minute or two",
    ),
    Place(
        place="archive",
        when="when the archive consumer reads the event: rows leave their files, dead letters "
        "their topic",
    ),
    Place(place="spool", when="when Kafka has taken what waits there, and so the event behind it"),
    Place(
        place="models",
        when="with the next training: erased diners are left out of its data, and no training "
        "keeps rows of anybody",
    ),
)


class Erasure(BaseModel):
    """What was asked for, durably, and what becomes of it when."""

    event_id: str
    user: str
    """As asked."""
    asked_at: AwareDatetime
    """The server's; later events of the diner count again."""
    erased_from: list[Place]
    log_ages_out_by: AwareDatetime
    """By then Kafka has dropped every event of the diner from before, and this one."""
    dead_letters_age_out_by: AwareDatetime
    """By then Kafka has dropped what could not be archived of the diner."""


async def _admin(request: Request) -> None:
    dependencies: Dependencies = request.app.state.dependencies
    await dependencies.admin(request)


router = APIRouter(tags=["users"], dependencies=[Depends(_admin), Depends(no_unknown_parameters)])


@router.delete(
    USER,
    status_code=202,
    summary="Have a diner forgotten",
    description="What is known of the diner from before is erased; needs the admin key. 202 means "
    "that the wish is durable, not that it is fulfilled: the reply says what happens when. Asking "
    "twice does no harm.",
)
async def erase_user(request: Request, user_id: str) -> Erasure:
    """Write the event that asks for it, and say what it will do."""
    if not 1 <= len(user_id) <= MAX_ID_CHARS or "\0" in user_id:
        reason = f"must be a text of 1 to {MAX_ID_CHARS} characters, without U+0000"
        msg = f"user_id: {reason}"
        raise InvalidInput(msg, fields=(("user_id", reason),))
    dependencies: Dependencies = request.app.state.dependencies
    event = await dependencies.intake.erase(user_id)
    topics = topics_of(dependencies.settings)
    return Erasure(
        event_id=event.event_id,
        user=user_id,
        asked_at=event.occurred_at,
        erased_from=list(_PLACES),
        log_ages_out_by=_after(event.occurred_at, topics.events.retention),
        dead_letters_age_out_by=_after(event.occurred_at, topics.dead.retention),
    )


def _after(moment: AwareDatetime, kept: timedelta) -> AwareDatetime:
    return moment + kept
