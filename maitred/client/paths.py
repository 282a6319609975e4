"""Ids inside the paths of URLs: any text is an id, and must arrive as it is."""

from urllib.parse import quote

__all__ = ["in_path"]

_DOTS = frozenset({".", ".."})


def in_path(name: str) -> str:
    """Return an id as one segment of a path; ``/`` is quoted like everything else.

    ``.`` and ``..`` are quoted too: as they are, clients would resolve them (RFC 3986, 5.2.4) and
    ask another route.
    """
    return "%2E" * len(name) if name in _DOTS else quote(name, safe="")
