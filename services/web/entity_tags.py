"""What conditional requests name: entity tags (RFC 9110, 8.8.3 and 13.1)."""

import re
from dataclasses import dataclass

from starlette.requests import Request

__all__ = ["Tags", "tags_of"]

_TAG = re.compile(r'\s*(W/)?"([\x21\x23-\x7e\x80-\xff]*)"\s*(?:,|$)')


@dataclass(frozen=True, slots=True)
class Tags:
    """The entity tags of one header, without their quotes; ``is_any`` for ``*``."""

    strong: tuple[str, ...] = ()
    weak: tuple[str, ...] = ()
    is_any: bool = False

    def includes(self, tag: str) -> bool:
        """Whether content with this tag is named: the weak comparison, for If-None-Match."""
        return self.is_any or tag in self.strong or tag in self.weak


def tags_of(request: Request, header: str) -> Tags | None:
    """Return what a header names, None without it; what is no entity tag names nothing."""
    lines = request.headers.getlist(header)
    if not lines:
        return None
    text = ",".join(lines)
    if text.strip() == "*":
        return Tags(is_any=True)
    named = _TAG.findall(text)
    return Tags(
        strong=tuple(tag for weak, tag in named if not weak),
        weak=tuple(tag for weak, tag in named if weak),
    )
