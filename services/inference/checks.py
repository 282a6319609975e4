"""From a decoded JSON value, or a query parameter's text, to what it means.

By hand instead of pydantic: this runs in every request. Each check returns what a value means or
raises :class:`Fault`; each ``as_…`` makes such a value of text, or leaves the text as it is.
"""

import math
import re
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Any

from maitred.ids import MAX_ID_CHARS
from services.inference.pages import MAX_TOKEN_CHARS, Page

__all__ = [
    "MAX_CONTEXT",
    "Fault",
    "Now",
    "Read",
    "Seen",
    "as_flag",
    "as_number",
    "as_whole",
    "context",
    "cursor",
    "flag",
    "number",
    "one_of",
    "opening",
    "text",
    "whole",
]

MAX_CONTEXT = 32
YEARS = range(1970, 2200)
"""Years that a time may lie in; far outside, time zones are guesses and conversions overflow."""

_NUMBER = re.compile(r"[-+]?[0-9.]+(?:[eE][-+]?[0-9]{1,3})?")


class Fault(ValueError):  # noqa: N818  # said to people, not to programs
    """A value outside its domain; the message is the reason, for a person."""


class Now:
    """The value of ``open_at=now``."""


class Seen(StrEnum):
    """What becomes of restaurants that the diner visited before."""

    KEEP = "keep"
    MASK = "mask"


Read = Callable[[object], Any]


def text(value: object) -> str:
    """Take what counts as an id or a word."""
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_ID_CHARS:
        msg = f"must be a text of 1 to {MAX_ID_CHARS} characters"
        raise Fault(msg)
    return value


def whole(low: int, high: int) -> Read:
    """Take whole numbers between two others, both included."""

    def check(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            msg = f"must be a whole number between {low} and {high}"
            raise Fault(msg)
        return value

    return check


def number(low: float, high: float) -> Read:
    """Take numbers between two others, both included."""

    def check(value: object) -> float:
        given = math.nan
        if isinstance(value, int | float) and not isinstance(value, bool):
            given = value
        if not low <= given <= high:  # neither is NaN
            msg = f"must be a number between {low:g} and {high:g}"
            raise Fault(msg)
        return float(given)

    return check


def flag(value: object) -> bool:
    """Take a truth."""
    if not isinstance(value, bool):
        msg = "must be true or false"
        raise Fault(msg)
    return value


def one_of(kind: type[StrEnum]) -> Read:
    """Take the values of an enumeration."""
    values = {member.value: member for member in kind}

    def check(value: object) -> StrEnum:
        member = values.get(value) if isinstance(value, str) else None
        if member is None:
            msg = f"must be one of {', '.join(values)}"
            raise Fault(msg)
        return member

    return check


def opening(value: object) -> datetime | type[Now]:
    """Take ``now`` or a time."""
    if value == "now":
        return Now
    try:
        return _moment(value)
    except Fault as fault:
        msg = f"{fault}, or 'now'"
        raise Fault(msg) from fault


def context(value: object) -> datetime | None:
    """Take free-form facts; ``local_time`` is the one that is used, and returned."""
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


def cursor(value: object) -> Page:
    """Take ``start`` or what a reply gave as its cursor."""
    if isinstance(value, str) and 1 <= len(value) <= MAX_TOKEN_CHARS:
        try:
            return Page.of(value)
        except ValueError as error:
            msg = f"must be 'start' or the cursor of a reply; this is {error}"
            raise Fault(msg) from error
    msg = f"must be 'start' or the cursor of a reply, at most {MAX_TOKEN_CHARS} characters"
    raise Fault(msg)


def as_whole(said: str) -> object:
    """Read digits; nothing else that ``int`` would take for a number."""
    plain = said.isascii() and said.removeprefix("-").isdecimal() and len(said) <= 20  # noqa: PLR2004
    return int(said) if plain else said


def as_number(said: str) -> object:
    """Read a decimal number; nothing else that ``float`` would take for one."""
    try:
        return float(said) if _NUMBER.fullmatch(said) else said
    except ValueError:
        return said


def as_flag(said: str) -> object:
    """Read true, false, 1 or 0."""
    return {"true": True, "1": True, "false": False, "0": False}.get(said.lower(), said)


def _moment(value: object) -> datetime:
    """A time as RFC 3339 or ISO 8601; ``+`` may have become a blank on its way through a URL."""
    if isinstance(value, str):
        head, blank, tail = value.rpartition(" ")
        for said in (value, f"{head}+{tail}" if blank else value):
            try:
                found = datetime.fromisoformat(said)
            except ValueError:
                continue
            if found.year in YEARS:
                return found
    msg = (
        "must be a time such as 2026-05-01T19:00:00+02:00, "
        f"between {YEARS.start} and {YEARS.stop - 1}"
    )
    raise Fault(msg)
