"""Diner states, written by who follows the log: the features consumer, and a replay into its own space.

Beside the states of a bucket lies its mark: the offsets that they have taken in. Both change in one
script, so whoever goes on at the smallest offset of all marks misses nothing, however much of its
last seconds Redis has lost. A script writes only where it finds the mark that its writer left there:
a Redis that was emptied or restored meanwhile is noticed, and read for again.

Two round trips a batch, whatever its size: one that reads, one that writes.
"""

import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from typing import Any, Final

from redis.exceptions import NoScriptError

from maitred.errors import InvalidInput, StoreChanged
from maitred.features import News, renew
from maitred.ids import BUCKETS, bucket
from maitred.store import keys
from maitred.store.client import Redis, translated
from maitred.store.erasures import Erasures, answer, ask, by_bucket
from maitred.store.marks import encode_mark, reached_by_all
from maitred.store.state import space_of

__all__ = ["StateWriter"]

_LOG = logging.getLogger(__name__)

_WRITE: Final = """
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
if ARGV[2] ~= ARGV[1] then redis.call('SET', KEYS[1], ARGV[2]) end
local values = #ARGV - 3
for i = 1, values do redis.call('SET', KEYS[1 + i], ARGV[3 + i], 'EX', ARGV[3]) end
for i = 2 + values, #KEYS do redis.call('UNLINK', KEYS[i]) end
return 1
"""
"""KEYS: mark, states to set, keys to remove. ARGV: mark as left, new mark, seconds to live, states."""


@dataclass(frozen=True, slots=True)
class _Call:
    """One bucket's share of a write."""

    bucket: int
    states: Mapping[str, bytes]
    gone: Sequence[str] = ()
    more: int = 0
    """By how many the bucket's states become more."""


@dataclass(frozen=True, slots=True)
class _Stored:
    """What one bucket knows of the diners that are asked about, in their order."""

    names: Sequence[str]
    """Keys of their states."""
    states: Sequence[bytes | None]
    erased: Sequence[float | None]


class StateWriter:
    """Blocking, one thread. Writes the space that is served, or ``space`` where one is given.

    :meth:`resume` comes first, and again whenever another method raises
    :class:`~maitred.errors.StoreChanged`.
    """

    def __init__(
        self, redis: Redis, topic: str, erasure_key: str | None, *, space: int | None = None
    ) -> None:
        self._redis = redis
        self._topic = topic
        self._erasures = Erasures(redis, erasure_key)
        self._own_space = space
        self._space = space or keys.FIRST_SPACE
        self._marks: list[bytes] | None = None
        """What this writer left in each bucket, empty where nothing is; None: not known."""
        self._graves: set[str] = set()
        """Shelves with tombstones: nobody else is asked about."""
        self._next: dict[int, int] = {}
        """What comes after everything that was taken in."""
        self._mark: bytes | None = None
        self._marked: dict[int, int] = {}
        """The newest mark, and the offsets in it."""
        self._hand = secrets.token_hex(4)
        self._writes = count(1)
        self._sha = ""

    def resume(self) -> Mapping[int, int]:
        """Return what to read next, by partition; the others from their beginning.

        Raises:
            StoreUnavailable: Redis did not answer.
        """
        self._marks = self._mark = None
        with translated(), self._redis.pipeline(transaction=False) as trip:
            served = space_of(self._redis.get(keys.SPACE))
            space = served if self._own_space is None else self._own_space
            for number in range(BUCKETS):
                trip.get(keys.mark(number, space))
            marks = trip.execute()
            self._sha = self._redis.script_load(_WRITE)
        self._graves = self._erasures.shelves()
        self._space = space
        self._next = reached_by_all(marks, self._topic)
        self._marks = [raw or b"" for raw in marks]
        return dict(self._next)

    @property
    def knows_erased(self) -> bool:
        """Whether Redis held any tombstone when it was last looked at."""
        return bool(self._graves)

    def remember_erased(self, tombstones: Mapping[str, float]) -> None:
        """Keep who asked to be forgotten, and when, as another store knows it.

        Raises:
            StoreUnavailable: Redis did not answer; repeating it does no harm.
        """
        self._graves |= self._erasures.remember(tombstones)

    def write(self, news: Mapping[str, News], offsets: Mapping[int, int]) -> int:
        """Take news of diners in, and the offsets that come after them.

        Returns by how many the states became more. Repeating it, whole or in part, changes nothing.

        Raises:
            StoreChanged: Redis holds something else than was left there: resume.
            StoreUnavailable: Redis did not answer; some buckets may have been written.
        """
        reached = {**self._next, **offsets}
        erased = {u: n.erased_at for u, n in news.items() if n.erased_at is not None}
        if erased:  # before rows are looked up: a model that is published meanwhile looks here
            names = {self._erasures.name(user): at for user, at in erased.items()}
            self._graves |= self._erasures.remember(names)
        groups = by_bucket(news)
        calls = []
        if groups:
            versions, stored = self._read(groups, with_versions=bool(erased))
            calls = [self._call(n, groups[n], news, stored[n], versions) for n in groups]
            self._send(calls, self._fresh_mark(reached))
        self._next = reached
        return sum(call.more for call in calls)

    def keep_up(self) -> None:
        """Let every bucket know the newest offsets, and look whether Redis is as it was left.

        Raises:
            StoreChanged: it is not, or another space is served: resume.
            StoreUnavailable: Redis did not answer.
        """
        if self._own_space is None:
            with translated():
                self._expect(self._redis.get(keys.SPACE))
        mark = self._mark
        if mark is None or self._marked != self._next:
            mark = self._fresh_mark(self._next)
        self._send([_Call(number, {}) for number in range(BUCKETS)], mark)

    def _fresh_mark(self, reached: Mapping[int, int]) -> bytes:
        self._marked = dict(reached)
        self._mark = encode_mark(self._topic, reached, f"{self._hand}-{next(self._writes)}")
        return self._mark

    def _call(
        self,
        number: int,
        users: Sequence[str],
        news: Mapping[str, News],
        stored: _Stored,
        versions: Sequence[str],
    ) -> _Call:
        """Return what one bucket's script has to do."""
        states: dict[str, bytes] = {}
        gone: list[str] = []
        more = 0
        for user, name, raw, erased_at in zip(
            users, stored.names, stored.states, stored.erased, strict=True
        ):
            after = _renewed(user, raw, news[user], erased_at)
            if news[user].erased_at is not None:
                gone += [keys.row(version, user) for version in versions]
            if after == raw:
                continue
            more += (raw is None) - (after is None)
            if after is None:
                gone.append(name)
            else:
                states[name] = after
        return _Call(number, states, gone, more)

    def _read(
        self, groups: Mapping[int, Sequence[str]], *, with_versions: bool
    ) -> tuple[list[str], dict[int, _Stored]]:
        """Return model versions, and what is stored of the diners of each bucket."""
        asked = self._erasures.question(chain.from_iterable(groups.values()), self._graves)
        with translated(), self._redis.pipeline(transaction=False) as trip:
            trip.get(keys.SPACE)
            trip.smembers(keys.VERSIONS) if with_versions else trip.ping()
            names = {n: [keys.state(u, self._space) for u in groups[n]] for n in groups}
            for some in names.values():
                trip.mget(some)
            ask(trip, asked)
            served, versions, *replies = trip.execute()
        if self._own_space is None:
            self._expect(served)
        told = answer(asked, replies[len(groups) :])
        found = {}
        for number, states in zip(groups, replies, strict=False):
            times = [told.get(user) for user in groups[number]]
            found[number] = _Stored(names[number], states, times)
        return [v.decode() for v in versions] if with_versions else [], found

    def _send(self, calls: Sequence[_Call], mark: bytes) -> None:
        """Run the script of each bucket, in one trip; twice where Redis has forgotten it."""
        marks = self._known_marks()
        self._marks = None  # until the replies are here, nobody knows
        with translated():
            replies = self._run(calls, marks, mark)
            if any(isinstance(reply, NoScriptError) for reply in replies):
                self._sha = self._redis.script_load(_WRITE)
                replies = self._run(calls, marks, mark)
            for reply in replies:
                if isinstance(reply, Exception):
                    raise reply
        if not all(replies):
            raise self._changed()
        for call in calls:
            marks[call.bucket] = mark
        self._marks = marks

    def _run(self, calls: Sequence[_Call], marks: Sequence[bytes], mark: bytes) -> list[Any]:
        with self._redis.pipeline(transaction=False) as trip:
            for call in calls:
                names = [keys.mark(call.bucket, self._space), *call.states, *call.gone]
                told: list[str | bytes | int] = [
                    marks[call.bucket],
                    mark,
                    keys.STATE_TTL_S,
                    *call.states.values(),
                ]
                trip.evalsha(self._sha, len(names), *names, *told)
            return trip.execute(raise_on_error=False)

    def _known_marks(self) -> list[bytes]:
        if self._marks is None:
            raise self._changed()
        return self._marks

    def _expect(self, served: Any) -> None:  # noqa: ANN401 - bytes or None, whatever the client says
        if space_of(served) != self._space:
            msg = f"space {space_of(served)} of the diner states is served now, not {self._space}"
            raise StoreChanged(msg)

    def _changed(self) -> StoreChanged:
        self._marks = None
        msg = (
            "Redis does not hold what was last written there: it was emptied or restored, "
            "did not answer a write, or another process writes"
        )
        return StoreChanged(msg, next_step="what is missing is read from the log again")


def _renewed(user: str, raw: bytes | None, news: News, erased_at: float | None) -> bytes | None:
    try:
        return renew(raw, news, erased_at)
    except InvalidInput:
        _LOG.warning("the stored state of one diner in bucket %d is unreadable", bucket(user))
        return renew(None, news, erased_at)
