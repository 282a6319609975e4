"""Identifiers: what counts as one, and where a diner's keys live."""

import uuid
import zlib

__all__ = ["BUCKETS", "MAX_ID_CHARS", "bucket", "new_request_id"]

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
