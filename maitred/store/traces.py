"""What is left of removed keys on Redis's own disk: the commands that once wrote them.

They leave when Redis writes its file of commands (AOF) anew. By itself it does so when the file has
doubled, which may be in a year; an erased diner must not wait for that.
"""

import logging
from typing import Final

from redis.exceptions import NoPermissionError, ResponseError

from maitred.clock import Clock
from maitred.store.client import Redis, translated

__all__ = ["Traces"]

_LOG = logging.getLogger(__name__)
EVERY_S: Final = 60.0
"""Shortest time between two rewrites: each copies everything, whoever was erased meanwhile."""


class Traces:
    """Blocking, one thread."""

    def __init__(self, redis: Redis, *, clock: Clock) -> None:
        self._redis = redis
        self._clock = clock
        self._are_left = False
        self._may_begin_at = float("-inf")

    def leave(self) -> None:
        """Say that something was removed that must not stay on disk."""
        self._are_left = True

    def sweep(self) -> None:
        """Have the file written anew, if something was removed and it is time; returns at once.

        A Redis that keeps no such file, or lets nobody ask for it, is left alone.

        Raises:
            StoreUnavailable: Redis did not answer; call again.
        """
        now = self._clock.monotonic()
        if not self._are_left or now < self._may_begin_at:
            return
        with translated():
            try:
                known = self._redis.info("persistence")
                if known.get("aof_rewrite_in_progress"):
                    return  # it may have passed the key already: once more afterwards
                if known.get("aof_enabled"):
                    self._redis.bgrewriteaof()
            except (NoPermissionError, ResponseError) as refusal:
                _LOG.warning(
                    "Redis does not let us rewrite its file (%s): what an erased diner left on its "
                    "disk goes when it rewrites by itself",
                    refusal,
                )
        self._are_left, self._may_begin_at = False, now + EVERY_S
