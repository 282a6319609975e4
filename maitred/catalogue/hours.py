"""Opening hours as minutes of the local week."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from maitred.errors import InvalidInput

__all__ = ["MINUTES_PER_WEEK", "Opening", "format_hours", "minute_of_week", "parse_hours"]

MINUTES_PER_WEEK = 7 * 24 * 60
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS = re.compile(r"(\w{3}) (\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})")


@dataclass(frozen=True, slots=True, order=True)
class Opening:
    """One opening: minutes of the week from Monday 00:00, local time.

    ``closes`` is above ``opens`` and may pass the end of the week (open over Sunday midnight).
    """

    opens: int
    closes: int


def parse_hours(texts: Iterable[str]) -> tuple[Opening, ...]:
    """Read openings such as ``"fri 18:00-02:00"``; a close not after its open is the next day's.

    Raises:
        InvalidInput: if a text has another form, an unknown day or an impossible time.
    """
    return tuple(sorted(_opening(text) for text in texts))


@lru_cache(maxsize=4096)
def _opening(text: str) -> Opening:
    """Read one opening; most restaurants keep the hours of many others."""
    match = _HOURS.fullmatch(text.strip().lower())
    if match is None or match[1] not in _DAYS:
        msg = f"opening hours {text!r} are not of the form 'mon 11:00-23:00'"
        raise InvalidInput(msg, fields=(("hours", msg),))
    start, end = int(match[2]) * 60 + int(match[3]), int(match[4]) * 60 + int(match[5])
    if max(start, end) > 24 * 60 or int(match[3]) > 59 or int(match[5]) > 59:  # noqa: PLR2004
        msg = f"opening hours {text!r} name an impossible time"
        raise InvalidInput(msg, fields=(("hours", msg),))
    midnight = _DAYS.index(match[1]) * 24 * 60
    return Opening(midnight + start, midnight + (end if end > start else end + 24 * 60))


def format_hours(openings: Iterable[Opening]) -> list[str]:
    """Return the texts that :func:`parse_hours` reads."""
    texts = []
    for opening in openings:
        day, start = divmod(opening.opens, 24 * 60)
        length = opening.closes - opening.opens
        end = start + length if start + length <= 24 * 60 else (start + length) % (24 * 60)
        texts.append(f"{_DAYS[day]} {start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}")
    return texts


def minute_of_week(at: datetime, timezone: str | None) -> int:
    """Return the minute of the local week; ``at`` without offset is already local time."""
    local = at if at.tzinfo is None else at.astimezone(ZoneInfo(timezone or "UTC"))
    return local.weekday() * 24 * 60 + local.hour * 60 + local.minute
