"""What a diner's recent events mean for the next request: a state and its only update rule.

:func:`apply` is idempotent and does not depend on the order of arrival, so a log may be replayed
into it: the state is always that of the :data:`RECENT` latest interactions by event time.
:func:`renew` is the same rule for who writes many states: from stored bytes to stored bytes, with
erasures. No I/O here; the store keeps the bytes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any, Final

import orjson

from maitred.errors import InvalidInput
from maitred.events import Click, Dismiss, Event, Order, Traffic

__all__ = [
    "COUNTED",
    "KINDS",
    "RECENT",
    "DinerState",
    "Interaction",
    "Kind",
    "News",
    "apply",
    "decode",
    "encode",
    "renew",
]

RECENT = 50
"""How many interactions a state keeps."""

COUNTED: Final = frozenset({Traffic.LIVE, Traffic.REPLAY, Traffic.SIMULATED})
"""Kinds of traffic whose events change a diner's state."""


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

_HEAD: Final = b'{"v":1,"recent":[\n'
_BETWEEN: Final = b",\n"
_TAIL: Final = b"\n]}"
"""A state is JSON with a row a line. No text in JSON holds a line's end, so rows can be told apart unread."""

KINDS: Final = {"click": Kind.CLICK, "order": Kind.CHOICE, "dismiss": Kind.DISMISS}
"""Types of events that say what a diner did, and what they are here."""


def interaction_of(event: Event) -> Interaction | None:
    """Return what an event means here, or None for the kinds that mean nothing."""
    if not isinstance(event, (Click, Order, Dismiss)):
        return None
    at = event.occurred_at.timestamp()
    return Interaction(at, event.event_id, event.restaurant_id, KINDS[event.type])


@dataclass(slots=True)
class News:
    """What the log says of one diner since a state was stored, taken in in the log's order.

    What came before an erasure is forgotten when the erasure is taken in.
    """

    happened: list[list[Any]] = field(default_factory=list)
    """Interactions as they are stored: time, event id, restaurant id, kind."""
    erased_at: float | None = None
    """When the diner asked to be forgotten, seconds since 1970; the latest, if more than once."""

    def take(self, event: Event) -> bool:
        """Take in the next event; tell whether it means anything here."""
        if event.type == "erase":
            self.happened.clear()
            self.erased_at = latest(self.erased_at, event.occurred_at.timestamp())
            return True
        kind = KINDS.get(
            event.type
        )  # by name: isinstance asks pydantic, and takes ten times as long
        if kind is None or not event.consent or event.traffic not in COUNTED:
            return False
        place = event.restaurant_id  # type: ignore[union-attr]  # events of these kinds have one
        self.happened.append([event.occurred_at.timestamp(), event.event_id, place, kind.value])
        return True


def latest(one: float | None, other: float | None) -> float | None:
    """Return the later of two times, where there are any."""
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)


def apply(state: DinerState, events: Iterable[Event]) -> DinerState:
    """Return the state after ``events``, in whatever order and however often they come."""
    known = {i.event_id: i for i in state.recent}
    for event in events:
        interaction = interaction_of(event)
        if interaction is not None:
            known.setdefault(interaction.event_id, interaction)
    return replace(state, recent=tuple(sorted(known.values())[-RECENT:]))


def renew(raw: bytes | None, news: News, erased_at: float | None = None) -> bytes | None:
    """Return what is stored of a diner after ``news``; None where nothing is left.

    Without erasures that is :func:`apply`. What the diner did until an erasure stays forgotten,
    however late it comes; ``erased_at`` is the latest erasure known beside the news.

    Raises:
        InvalidInput: if ``raw`` is no state of a known version.
    """
    until = latest(news.erased_at, erased_at)
    if raw is not None and until is None and (longer := _with_new(raw, news.happened)):
        return longer
    rows = _rows(raw) if news.erased_at is None else []
    known = {row[1] for row in rows}
    for row in news.happened:
        if row[1] not in known and (until is None or row[0] > until):
            known.add(row[1])
            rows.append(row)
    try:
        rows.sort()
    except TypeError as error:
        raise _unreadable() from error
    return _stored(rows[-RECENT:]) if rows else None


def _with_new(raw: bytes, happened: Sequence[list[Any]]) -> bytes | None:
    """Return a state with what happened put between its rows; None: it is not that simple.

    It is when no id is known yet. Rows are read from the newest on only as far as needed, mostly
    one: a third of the time that reading and writing all of them takes.
    """
    ids = {orjson.dumps(row[1]) for row in happened}
    is_ours = raw.startswith(_HEAD + b"[") and raw.endswith(_TAIL)
    if not is_ours or len(ids) < len(happened) or any(name in raw for name in ids):
        return None
    rows = raw[len(_HEAD) : -len(_TAIL)].split(_BETWEEN)
    try:
        for row in happened:
            place = len(rows)
            while place and orjson.loads(rows[place - 1]) > row:
                place -= 1
            rows.insert(place, orjson.dumps(row))
    except (ValueError, TypeError) as error:
        raise _unreadable() from error
    return _joined(rows[-RECENT:])


def _stored(rows: Iterable[list[Any]]) -> bytes:
    return _joined(map(orjson.dumps, rows))


def _joined(rows: Iterable[bytes]) -> bytes:
    return b"".join((_HEAD, _BETWEEN.join(rows), _TAIL))


def _rows(raw: bytes | None) -> list[list[Any]]:
    if raw is None:
        return []
    try:
        body = orjson.loads(raw)
        return [[at, e, r, k] for at, e, r, k in {1: body["recent"]}[body["v"]]]
    except (ValueError, KeyError, TypeError) as error:
        raise _unreadable() from error


def _unreadable() -> InvalidInput:
    msg = "a stored diner state cannot be read"
    return InvalidInput(msg, next_step="rebuild all of them: maitred events replay")


def encode(state: DinerState) -> bytes:
    """Return the state as stored in Redis."""
    return _stored([i.at, i.event_id, i.restaurant_id, int(i.kind)] for i in state.recent)


def decode(raw: bytes | None) -> DinerState:
    """Read a stored state; None is a diner never seen.

    Raises:
        InvalidInput: if the bytes are not a state of a known version.
    """
    if raw is None:
        return EMPTY
    try:
        return DinerState(tuple(Interaction(a, e, r, Kind(k)) for a, e, r, k in _rows(raw)))
    except ValueError as error:
        raise _unreadable() from error
