"""Diner state in Redis, written by the features consumer: the only writer, so no locks.

Two round trips a batch, whatever its size: one that reads, one that writes what changed.
"""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence

from maitred import features
from maitred.errors import InvalidInput
from maitred.events import Event
from maitred.features import DinerState
from maitred.ids import bucket
from maitred.store import keys
from maitred.store.client import Redis, translated

__all__ = ["StateStore"]

_LOG = logging.getLogger(__name__)


class StateStore:
    """Reads and updates diner states."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def load(self, users: Sequence[str]) -> dict[str, DinerState]:
        """Return the state of each diner, in one round trip with one MGET per bucket.

        A stored state that cannot be read counts as empty, and is logged: the next update
        replaces it, and one bad value must not stop the others.

        Raises:
            StoreUnavailable: Redis did not answer in time.
        """
        buckets: dict[int, list[str]] = defaultdict(list)
        for user in users:
            buckets[bucket(user)].append(user)
        with translated():
            pipeline = self._redis.pipeline(transaction=False)
            for some in buckets.values():
                pipeline.mget([keys.state(user) for user in some])
            replies = pipeline.execute()
        return {
            user: _decoded(user, raw)
            for some, values in zip(buckets.values(), replies, strict=True)
            for user, raw in zip(some, values, strict=True)
        }

    def update(self, events: Mapping[str, Sequence[Event]]) -> int:
        """Apply events to the states of their diners; return how many states changed.

        Repeating an update, whole or in part, changes nothing more.

        Raises:
            StoreUnavailable: Redis did not answer in time; some states may have been written.
        """
        before = self.load(list(events))
        after = {user: features.apply(before[user], some) for user, some in events.items()}
        changed = {user: state for user, state in after.items() if state != before[user]}
        if changed:
            with translated():
                pipeline = self._redis.pipeline(transaction=False)
                for user, state in changed.items():
                    pipeline.set(keys.state(user), features.encode(state), ex=keys.STATE_TTL_S)
                pipeline.execute()
        return len(changed)


def _decoded(user: str, raw: bytes | None) -> DinerState:
    try:
        return features.decode(raw)
    except InvalidInput:
        _LOG.warning("the stored state of one diner in bucket %d is unreadable", bucket(user))
        return features.decode(None)
