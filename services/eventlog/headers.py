"""What our producers say beside a record, so that a reader may pass over it without opening it.

A hint, never the truth: records without it are as good, and what is archived goes by the body.
"""

from collections.abc import Iterable
from typing import Final

from services.eventlog.port import Headers

__all__ = ["TYPE", "of_type", "type_in"]

TYPE: Final = "type"
"""Name of the header with the event's type, UTF-8."""


def of_type(kind: str) -> Headers:
    """Return the headers of an event of this type."""
    return ((TYPE, kind.encode()),)


def type_in(headers: Iterable[tuple[str, bytes]]) -> str | None:
    """Return the type that these headers name; None: unknown, ask the body."""
    for name, value in headers:
        if name == TYPE:
            return value.decode(errors="replace")
    return None
