"""Events accepted lately, so that a client's retry is told so at once.

A courtesy, not the guarantee: the window is bounded, lives in one process and ends with it. What
slips through is removed by the archiver, which knows every id.
"""

import hashlib
from collections import OrderedDict

__all__ = ["Window", "digest"]

Key = tuple[str, str]


def digest(body: bytes) -> bytes:
    """Return what is kept of an event's canonical bytes."""
    return hashlib.blake2b(body, digest_size=8).digest()


class Window:
    """The last ``size`` accepted (user id, event id), with the digest of the body that came first."""

    def __init__(self, size: int = 200_000) -> None:
        self._size = size
        self._known: OrderedDict[Key, bytes] = OrderedDict()

    def get(self, key: Key) -> bytes | None:
        """Return the digest accepted under this key."""
        return self._known.get(key)

    def remember(self, key: Key, body: bytes) -> None:
        """Keep the key; the oldest one leaves when there is no room. The first body stays."""
        self._known.setdefault(key, body)
        if len(self._known) > self._size:
            self._known.popitem(last=False)
