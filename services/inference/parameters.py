"""What a request for recommendations may say, as one table.

Requests are read from it and OpenAPI is written from it, so the two cannot differ. By hand instead
of pydantic: this runs in every request.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from maitred.events import Traffic
from maitred.ids import MAX_ID_CHARS
from maitred.policy import Objective

__all__ = ["PARAMETERS", "Fault", "Now", "Parameter"]

MAX_K = 100
MAX_LISTED = 1000
MAX_CUISINES = 50
MAX_HISTORY = 100
MAX_CONTEXT = 32
HALF_THE_EARTH_KM = 20_040.0


class Fault(ValueError):  # noqa: N818  # said to people, not to programs
    """A value outside its domain; the message is the reason, for a person."""


class Now:
    """The value of ``open_at=now``."""


Read = Callable[[object], Any]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter.

    ``check`` takes a decoded JSON value and returns what it means, or raises :class:`Fault`;
    ``from_text`` makes such a value of a query parameter's text. Repeatable ones are lists in
    JSON, and ``check`` takes each element.
    """

    name: str
    check: Read
    schema: dict[str, Any]
    description: str
    from_text: Callable[[str], object] = field(default=str)
    limit: int = 0
    """For repeatable ones, how many there may be; 0: not repeatable."""
    in_query: bool = True


def _text(value: object) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_ID_CHARS:
        msg = f"must be a text of 1 to {MAX_ID_CHARS} characters"
        raise Fault(msg)
    return value


def _whole(low: int, high: int) -> Read:
    def check(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            msg = f"must be a whole number between {low} and {high}"
            raise Fault(msg)
        return value

    return check


def _number(low: float, high: float) -> Read:
    def check(value: object) -> float:
        number = math.nan
        if isinstance(value, int | float) and not isinstance(value, bool):
            number = value
        if not low <= number <= high:  # neither is NaN
            msg = f"must be a number between {low:g} and {high:g}"
            raise Fault(msg)
        return float(number)

    return check


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        msg = "must be true or false"
        raise Fault(msg)
    return value


def _one_of(kind: type[Objective] | type[Traffic]) -> Read:
    values = {member.value: member for member in kind}

    def check(value: object) -> Objective | Traffic:
        member = values.get(value) if isinstance(value, str) else None
        if member is None:
            msg = f"must be one of {', '.join(values)}"
            raise Fault(msg)
        return member

    return check


def _moment(value: object) -> datetime:
    """A time as RFC 3339 or ISO 8601; ``+`` may have become a blank on its way through a URL."""
    if isinstance(value, str):
        head, blank, tail = value.rpartition(" ")
        for text in (value, f"{head}+{tail}" if blank else value):
            try:
                return datetime.fromisoformat(text)
            except ValueError:
                continue
    msg = "must be a time such as 2026-05-01T19:00:00+02:00"
    raise Fault(msg)


def _opening(value: object) -> datetime | type[Now]:
    if value == "now":
        return Now
    try:
        return _moment(value)
    except Fault as fault:
        msg = f"{fault}, or 'now'"
        raise Fault(msg) from fault


def _context(value: object) -> datetime | None:
    """Free-form facts; ``local_time`` is the one that is used, and returned."""
    scalar = isinstance(value, dict) and all(
        isinstance(fact, str | int | float | bool | None) for fact in value.values()
    )
    if not isinstance(value, dict) or not scalar or len(value) > MAX_CONTEXT:
        msg = f"must be an object of at most {MAX_CONTEXT} texts, numbers and truths"
        raise Fault(msg)
    if value.get("local_time") is None:
        return None
    try:
        return _moment(value["local_time"])
    except Fault as fault:
        msg = f"local_time {fault}"
        raise Fault(msg) from fault


def _as_whole(text: str) -> object:
    plain = text.isascii() and text.removeprefix("-").isdecimal() and len(text) <= 20  # noqa: PLR2004
    return int(text) if plain else text


def _as_number(text: str) -> object:
    try:
        return float(text)
    except ValueError:
        return text


def _as_flag(text: str) -> object:
    return {"true": True, "1": True, "false": False, "0": False}.get(text.lower(), text)


_ID = {"type": "string", "minLength": 1, "maxLength": MAX_ID_CHARS}

_LIST = (
    Parameter("user_id", _text, _ID, "The diner; omitted: anonymous."),
    Parameter(
        "k",
        _whole(1, MAX_K),
        {"type": "integer", "minimum": 1, "maximum": MAX_K, "default": 10},
        "How many restaurants.",
        _as_whole,
    ),
    Parameter(
        "objective",
        _one_of(Objective),
        {"type": "string", "enum": [o.value for o in Objective]},
        "What to rank for; omitted: clicks.",
    ),
    Parameter(
        "revenue_weight",
        _number(0, 1),
        {"type": "number", "minimum": 0, "maximum": 1},
        "The dial: clicks ranked by log p(choice) + weight · log value. Not with an objective "
        "other than balanced.",
        _as_number,
    ),
    Parameter(
        "lat",
        _number(-90, 90),
        {"type": "number", "minimum": -90, "maximum": 90},
        "Where the diner is, degrees; with lon.",
        _as_number,
    ),
    Parameter(
        "lon",
        _number(-180, 180),
        {"type": "number", "minimum": -180, "maximum": 180},
        "Where the diner is, degrees; with lat.",
        _as_number,
    ),
    Parameter(
        "radius_km",
        _number(0, HALF_THE_EARTH_KM),
        {"type": "number", "minimum": 0, "maximum": HALF_THE_EARTH_KM},
        "Only restaurants within this distance of lat and lon.",
        _as_number,
    ),
    Parameter("cuisine", _text, _ID, "Only restaurants of any of these.", limit=MAX_CUISINES),
    Parameter(
        "price_max",
        _whole(1, 4),
        {"type": "integer", "minimum": 1, "maximum": 4},
        "Only restaurants of this price level or below.",
        _as_whole,
    ),
    Parameter(
        "open_at",
        _opening,
        {"type": "string"},
        "Only restaurants open then: 'now', or a time; without offset the restaurant's local time.",
    ),
    Parameter("exclude", _text, _ID, "Restaurants not to show.", limit=MAX_LISTED),
    Parameter(
        "explain",
        _flag,
        {"type": "boolean", "default": False},
        "Say why: contributions that add up to the score.",
        _as_flag,
    ),
    Parameter(
        "explore",
        _flag,
        {"type": "boolean", "default": True},
        "False: the greedy list, propensity 1.",
        _as_flag,
    ),
    Parameter("request_id", _text, _ID, "The client's own id; the same one gives the same list."),
    Parameter(
        "traffic",
        _one_of(Traffic),
        {"type": "string", "enum": [t.value for t in Traffic], "default": "live"},
        "Who asks. Previews and warm-ups leave no impression.",
    ),
    Parameter(
        "history",
        _text,
        _ID,
        "Restaurants that the diner visited, most recent first.",
        limit=MAX_HISTORY,
        in_query=False,
    ),
    Parameter(
        "context",
        _context,
        {"type": "object", "properties": {"local_time": {"type": "string"}}},
        "Facts about the moment; local_time, the diner's wall clock, picks the part of the day.",
        in_query=False,
    ),
)

PARAMETERS = {parameter.name: parameter for parameter in _LIST}
"""By name, in the order of the documentation."""
