"""Identifiers: what counts as one, where a diner's keys live, and what stands for a diner instead.

Pseudonyms and tombstones are HMAC-SHA256 (RFC 2104): without the key nobody can tell whose they are,
nor try names one after another.
"""

import hmac
import uuid
import zlib

__all__ = [
    "BUCKETS",
    "MAX_ID_CHARS",
    "bucket",
    "key_fingerprint",
    "new_request_id",
    "pseudonym",
    "tombstone",
]

BUCKETS = 256
"""Diner keys are spread over this many hash slots, so that one call per bucket works on a cluster."""

MAX_ID_CHARS = 128
"""Longest user, restaurant or request id accepted at any door, in characters."""


def bucket(user_id: str) -> int:
    """Return the bucket of a diner, 0 to 255, the same on every machine and for ever (CRC-32)."""
    return zlib.crc32(user_id.encode()) % BUCKETS


def new_request_id() -> str:
    """Return an id for a request whose client did not name one."""
    return uuid.uuid4().hex


def pseudonym(user_id: str, key: str | None) -> str:
    """Return what stands for a diner everywhere behind the doors: 32 hexadecimal digits.

    Without a key that is the id itself. Call it at a door only, and once: a pseudonym of a
    pseudonym is another diner.
    """
    return user_id if key is None else _keyed(key, "pseudonym", user_id)[:32]


def key_fingerprint(key: str | None) -> str | None:
    """Return how a pseudonym key is known without being told: 12 hexadecimal digits, or None."""
    return None if key is None else _keyed(key, "fingerprint", "")[:12]


def tombstone(user_id: str, key: str) -> str:
    """Return what is kept of an erased diner, 32 hexadecimal digits; ``user_id`` as it was stored."""
    return _keyed(key, "tombstone", user_id)[:32]


def _keyed(key: str, purpose: str, text: str) -> str:
    return hmac.digest(key.encode(), f"{purpose}\0{text}".encode(), "sha256").hex()
