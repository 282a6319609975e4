"""Diner states in Redis as anybody may read them, and the spaces that they live in.

The space that is served has a number; a replay opens another, fills it, and lets the pointer say so.
Who writes states: :mod:`maitred.store.writer`. Who reads them for diners: :mod:`maitred.store.reader`.
"""

import logging
from collections.abc import Iterable, Sequence
from itertools import islice

from redis import WatchError

from maitred import features
from maitred.errors import InvalidInput, Refused
from maitred.features import DinerState
from maitred.ids import BUCKETS, bucket
from maitred.store import keys
from maitred.store.client import Redis, translated
from maitred.store.erasures import by_bucket
from maitred.store.marks import reached_by_all

__all__ = ["Spaces", "StateStore", "space_of"]

_LOG = logging.getLogger(__name__)
_KEYS_A_TRIP = 1000


def space_of(raw: bytes | str | None) -> int:
    """Read the pointer; absent: the first space."""
    return keys.FIRST_SPACE if raw is None else int(raw)


class StateStore:
    """Reads diner states of the space that is served."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def load(self, users: Sequence[str]) -> dict[str, DinerState]:
        """Return the state of each diner, in two round trips with one MGET per bucket.

        A stored state that cannot be read counts as empty, and is logged.

        Raises:
            StoreUnavailable: Redis did not answer in time.
        """
        groups = by_bucket(users)
        with translated(), self._redis.pipeline(transaction=False) as trip:
            space = space_of(self._redis.get(keys.SPACE))
            for some in groups.values():
                trip.mget([keys.state(user, space) for user in some])
            replies = trip.execute()
        return {
            user: _decoded(user, raw)
            for some, values in zip(groups.values(), replies, strict=True)
            for user, raw in zip(some, values, strict=True)
        }


class Spaces:
    """Opens spaces, says which is served, and removes what is served no more."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def current(self) -> int:
        """Return the space that is served.

        Raises:
            StoreUnavailable: Redis did not answer.
        """
        with translated():
            return space_of(self._redis.get(keys.SPACE))

    def reached(self, space: int, topic: str) -> dict[int, int]:
        """Return what all states of a space have taken in of a topic: what comes next, by partition.

        Raises:
            StoreUnavailable: Redis did not answer.
        """
        with translated(), self._redis.pipeline(transaction=False) as trip:
            for number in range(BUCKETS):
                trip.get(keys.mark(number, space))
            return reached_by_all(trip.execute(), topic)

    def open(self) -> int:
        """Return a space that nobody has used, noted so that :meth:`sweep` finds it.

        Raises:
            StoreUnavailable: Redis did not answer.
        """
        with translated():
            space = self._redis.incr(keys.NEWEST_SPACE)
            self._redis.sadd(keys.SPACES, space)
            return int(space)

    def switch(self, before: int, after: int) -> None:
        """Serve ``after`` from now on, if ``before`` is served still; all at once.

        Raises:
            Refused: another space is served meanwhile.
            StoreUnavailable: Redis did not answer; look which is served.
        """
        with translated(), self._redis.pipeline(transaction=True) as trip:
            trip.watch(keys.SPACE)  # type: ignore[no-untyped-call]
            is_same = space_of(trip.get(keys.SPACE)) == before
            trip.multi()
            trip.set(keys.SPACE, after)
            trip.sadd(keys.SPACES, before)
            try:
                if is_same:
                    trip.execute()
                    return
            except WatchError:
                pass
        msg = f"space {before} of the diner states is not the one that is served any more"
        raise Refused(msg, next_step="nothing was changed; run the replay again")

    def sweep(self) -> int:
        """Remove every noted space that is not served; return how many keys that were.

        Raises:
            StoreUnavailable: Redis did not answer; the next sweep goes on.
        """
        with translated():
            served = self.current()
            noted = {int(space) for space in self._redis.smembers(keys.SPACES)}
            return sum(self._remove(space) for space in sorted(noted - {served}))

    def _remove(self, space: int) -> int:
        # marks first: who still writes there finds none, and writes nothing behind this
        removed = self._unlink(keys.mark(number, space) for number in range(BUCKETS))
        found = self._redis.scan_iter(match=keys.states(space), count=_KEYS_A_TRIP)
        while some := list(islice(found, _KEYS_A_TRIP)):
            removed += self._unlink(some)
        self._redis.srem(keys.SPACES, space)
        return removed

    def _unlink(self, names: Iterable[bytes | str]) -> int:
        with self._redis.pipeline(transaction=False) as trip:
            for name in names:  # one by one: on a cluster a command keeps to one slot
                trip.unlink(name)
            return sum(trip.execute())


def _decoded(user: str, raw: bytes | None) -> DinerState:
    try:
        return features.decode(raw)
    except InvalidInput:
        _LOG.warning("the stored state of one diner in bucket %d is unreadable", bucket(user))
        return features.decode(None)
