"""Tombstones of erased diners in Redis: who must stay forgotten, without saying who that is."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from maitred.errors import Refused
from maitred.ids import BUCKETS, bucket, tombstone
from maitred.store import keys
from maitred.store.client import Redis, translated

__all__ = ["Erasures", "by_bucket"]

_REMEMBER: Final = """
for i = 1, #ARGV, 2 do
  local known = redis.call('HGET', KEYS[1], ARGV[i])
  if not known or tonumber(known) < tonumber(ARGV[i + 1]) then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  end
end
return 1
"""


class Erasures:
    """Blocking. ``key`` makes the tombstones (`maitred.erasure`); None can ask only when there are none.

    A tombstone stays for good, with the latest time that its diner asked to be forgotten.
    """

    def __init__(self, redis: Redis, key: str | None) -> None:
        self._redis = redis
        self._key = key

    def remember(self, erased: Mapping[str, float]) -> None:
        """Keep when these diners asked to be forgotten, seconds since 1970; the latest counts.

        Raises:
            StoreUnavailable: Redis did not answer; repeating it does no harm.
        """
        with translated(), self._redis.pipeline(transaction=False) as trip:
            for number, users in by_bucket(erased).items():
                told = [part for u in users for part in (self._name(u), repr(erased[u]))]
                trip.eval(_REMEMBER, 1, keys.erased(number), *told)
            trip.execute()

    def buckets(self) -> set[int]:
        """Return the buckets that know an erased diner.

        Raises:
            StoreUnavailable: Redis did not answer.
        """
        with translated(), self._redis.pipeline(transaction=False) as trip:
            for number in range(BUCKETS):
                trip.exists(keys.erased(number))
            return {number for number, there in enumerate(trip.execute()) if there}

    def ask(self, trip: Any, number: int, users: Sequence[str]) -> None:  # noqa: ANN401 - a pipeline
        """Add the question about diners of one bucket to a trip; :meth:`told` reads the reply."""
        trip.hmget(keys.erased(number), [self._name(user) for user in users])

    def of(self, users: Iterable[str], graves: Collection[int]) -> dict[str, float]:
        """Return when diners asked to be forgotten; in it are only those who did.

        ``graves`` are :meth:`buckets`: nobody else is asked about.

        Raises:
            Refused: there are erased diners, and without a key nobody can tell who.
            StoreUnavailable: Redis did not answer.
        """
        asked = {n: some for n, some in by_bucket(users).items() if n in graves}
        if not asked:
            return {}
        with translated(), self._redis.pipeline(transaction=False) as trip:
            for number, some in asked.items():
                self.ask(trip, number, some)
            replies = trip.execute()
        return {
            user: float(at)
            for some, reply in zip(asked.values(), replies, strict=True)
            for user, at in zip(some, reply, strict=True)
            if at is not None
        }

    def _name(self, user: str) -> str:
        if self._key is None:
            msg = "Redis knows erased diners, and without the key nobody can tell who they are"
            raise Refused(msg, next_step="give the erasure key: MAITRED_ERASURE_KEY")
        return tombstone(user, self._key)


def by_bucket(users: Iterable[str]) -> dict[int, list[str]]:
    """Return diners by the bucket that they live in."""
    groups: dict[int, list[str]] = defaultdict(list)
    for user in users:
        groups[bucket(user)].append(user)
    return groups
