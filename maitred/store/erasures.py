"""Tombstones of erased diners in Redis: who must stay forgotten, without saying who that is."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from maitred.errors import Refused
from maitred.ids import bucket, tombstone
from maitred.store import keys
from maitred.store.client import Redis, translated

__all__ = ["Erasures", "answer", "ask", "by_bucket"]

_REMEMBER: Final = """
for i = 1, #ARGV, 2 do
  local known = redis.call('HGET', KEYS[1], ARGV[i])
  if not known or tonumber(known) < tonumber(ARGV[i + 1]) then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  end
end
return 1
"""
_WORDS_A_CALL: Final = 1_000


Question = Mapping[str, Sequence[tuple[str, str]]]
"""Diners and their tombstones, by the shelf on which these would lie."""
_SHELVES: Final = tuple(f"{number:02x}" for number in range(256))


class Erasures:
    """Blocking. ``key`` makes the tombstones (`maitred.erasure`); without one nobody can be asked about.

    A tombstone stays for good, with the latest time that its diner asked to be forgotten.
    """

    def __init__(self, redis: Redis, key: str | None) -> None:
        self._redis = redis
        self._key = key

    def name(self, user: str) -> str:
        """Return a diner's tombstone.

        Raises:
            Refused: there is no key to make it with.
        """
        if self._key is None:
            msg = "Redis knows erased diners, and without the key nobody can tell who they are"
            raise Refused(msg, next_step="give the erasure key: MAITRED_ERASURE_KEY")
        return tombstone(user, self._key)

    def remember(self, erased: Mapping[str, float]) -> set[str]:
        """Keep tombstones, and when their diners asked, seconds since 1970; return their shelves.

        Raises:
            StoreUnavailable: Redis did not answer; repeating it does no harm.
        """
        shelves: dict[str, list[str]] = defaultdict(list)
        for name, at in erased.items():
            shelves[name[:2]] += [name, repr(at)]
        names = {shelf: told for shelf, told in shelves.items() if told}
        with translated(), self._redis.pipeline(transaction=False) as trip:
            for shelf, told in names.items():
                for start in range(0, len(told), _WORDS_A_CALL):
                    some = told[start : start + _WORDS_A_CALL]
                    trip.eval(_REMEMBER, 1, keys.erased(shelf), *some)
            trip.execute()
        return set(names)

    def shelves(self) -> set[str]:
        """Return the shelves that hold any tombstone.

        Raises:
            StoreUnavailable: Redis did not answer.
        """
        with translated(), self._redis.pipeline(transaction=False) as trip:
            for shelf in _SHELVES:
                trip.exists(keys.erased(shelf))
            return {shelf for shelf, there in zip(_SHELVES, trip.execute(), strict=True) if there}

    def question(self, users: Iterable[str], shelves: Collection[str]) -> Question:
        """Return what to ask about diners; nothing about who would lie on an empty shelf."""
        asked: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for user in users if shelves else ():
            name = self.name(user)
            if name[:2] in shelves:
                asked[name[:2]].append((user, name))
        return asked

    def of(self, users: Iterable[str], shelves: Collection[str]) -> dict[str, float]:
        """Return when diners asked to be forgotten; in it are only those who did.

        ``shelves`` are :meth:`shelves`.

        Raises:
            Refused: there are erased diners, and without a key nobody can tell who.
            StoreUnavailable: Redis did not answer.
        """
        asked = self.question(users, shelves)
        with translated(), self._redis.pipeline(transaction=False) as trip:
            ask(trip, asked)
            return answer(asked, trip.execute())


def ask(trip: Any, question: Question) -> None:  # noqa: ANN401 - a pipeline of redis-py
    """Add a question to a trip."""
    for shelf, some in question.items():
        trip.hmget(keys.erased(shelf), [name for _, name in some])


def answer(question: Question, replies: Sequence[Sequence[bytes | None]]) -> dict[str, float]:
    """Read what came back for a question: when diners asked to be forgotten, of those who did."""
    return {
        user: float(at)
        for some, reply in zip(question.values(), replies, strict=True)
        for (user, _), at in zip(some, reply, strict=True)
        if at is not None
    }


def by_bucket(users: Iterable[str]) -> dict[int, list[str]]:
    """Return diners by the bucket that they live in."""
    groups: dict[int, list[str]] = defaultdict(list)
    for user in users:
        groups[bucket(user)].append(user)
    return groups
