"""What a diner's recent events mean for the next request: a state and its only update rule.

:func:`apply` is idempotent and does not depend on the order of arrival, so a log may be replayed
into it: the state is always that of the :data:`RECENT` latest interactions by event time.
No I/O here; the store keeps the bytes.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import IntEnum

import orjson

from maitred.errors import InvalidInput
from maitred.events import Click, Dismiss, Event, Order

__all__ = ["RECENT", "DinerState", "Interaction", "Kind", "apply", "decode", "encode"]

RECENT = 50
"""How many interactions a state keeps."""


class Kind(IntEnum):
    """What a diner did with a restaurant; the number is what is stored."""

    CLICK = 1
    CHOICE = 2
    DISMISS = 3


@dataclass(frozen=True, slots=True, order=True)
class Interaction:
    """One thing a diner did, ordered by event time."""

    at: float
    """Seconds since 1970, UTC."""
    event_id: str
    restaurant_id: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class DinerState:
    """A diner's latest interactions, oldest first."""

    recent: tuple[Interaction, ...] = ()


EMPTY = DinerState()


def interaction_of(event: Event) -> Interaction | None:
    """Return what an event means here, or None for the kinds that mean nothing."""
    kinds = {Click: Kind.CLICK, Order: Kind.CHOICE, Dismiss: Kind.DISMISS}
    if not isinstance(event, Click | Order | Dismiss):
        return None
    at = event.occurred_at.timestamp()
    return Interaction(at, event.event_id, event.restaurant_id, kinds[type(event)])


def apply(state: DinerState, events: Iterable[Event]) -> DinerState:
    """Return the state after ``events``, in whatever order and however often they come."""
    known = {i.event_id: i for i in state.recent}
    for event in events:
        interaction = interaction_of(event)
        if interaction is not None:
            known.setdefault(interaction.event_id, interaction)
    return replace(state, recent=tuple(sorted(known.values())[-RECENT:]))


def encode(state: DinerState) -> bytes:
    """Return the state as stored in Redis."""
    rows = [[i.at, i.event_id, i.restaurant_id, int(i.kind)] for i in state.recent]
    return orjson.dumps({"v": 1, "recent": rows})


def decode(raw: bytes | None) -> DinerState:
    """Read a stored state; None is a diner never seen.

    Raises:
        InvalidInput: if the bytes are not a state of a known version.
    """
    if raw is None:
        return EMPTY
    try:
        body = orjson.loads(raw)
        rows = {1: body["recent"]}[body["v"]]
        return DinerState(tuple(Interaction(a, e, r, Kind(k)) for a, e, r, k in rows))
    except (ValueError, KeyError, TypeError) as error:
        msg = "a stored diner state cannot be read"
        raise InvalidInput(msg, next_step="rebuild it: maitred consume features") from error
