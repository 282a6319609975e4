"""What the store knows of a diner, read by an event loop: coalesced, bounded, and given up early.

Reads travel together: one trip at a time, and what comes meanwhile leaves with the next, so that
the cost of a trip is shared by more diners the more of them there are. A trip is one MGET, or on a
cluster, where a command's keys must share a slot, one MGET a bucket in one pipeline. While Redis does not answer,
a breaker keeps requests from waiting for it, and a probe finds out when it is back.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from maitred.errors import StoreUnavailable
from maitred.store import keys
from maitred.store.client import AsyncRedis, translated
from maitred.store.state import space_of

__all__ = ["ABSENT", "DinerBytes", "DinerReader", "open_reader"]

PROBE_S = 0.1
SPACE_EVERY = 4
"""Probes between two looks at which space of diner states is served."""
PATIENCE_S = 0.03
"""A trip that takes longer is stuck: who comes now only glances whether its reply is there."""
GLANCE_S = 0.002
GRACE_S = 0.001
_GRACES = 3
"""Turns of the loop for a reply that lies in the socket while this process was the one that was late:
it is read, then parsed, then handed out."""
FAILURES_TO_OPEN = 2
MAX_DINERS_A_TRIP = 128


@dataclass(frozen=True, slots=True)
class DinerBytes:
    """A diner's live state and the row of one model version; None where there is none."""

    state: bytes | None
    row: bytes | None


ABSENT = DinerBytes(None, None)

_Waiting = tuple[str, str, "asyncio.Future[DinerBytes]"]
_Readers = Sequence["asyncio.Future[DinerBytes]"]


class DinerReader:
    """Reads diners for all requests of one event loop.

    A trip that fails fails all its readers; after two in a row nobody waits any more until a
    probe has succeeded.
    """

    def __init__(self, redis: AsyncRedis) -> None:
        self._redis = redis
        self._waiting: list[_Waiting] = []
        self._trip: asyncio.Task[None] | None = None
        self._is_scheduled = False
        self._left_at = 0.0
        self._failures = 0
        self._is_cluster: bool | None = None
        """None: not known yet."""
        self._space = keys.FIRST_SPACE
        """Where diner states are, as of the last look: requests never wait for one."""

    @property
    def is_open(self) -> bool:
        """Whether reads fail at once, because the last ones found nobody there."""
        return self._failures >= FAILURES_TO_OPEN

    async def read(self, user_id: str, version: str, *, within_s: float) -> DinerBytes:
        """Return what is stored of a diner; one round trip, shared with others of this tick.

        ``within_s`` is for a trip: who has to wait for the one under way waits up to twice as long.

        Raises:
            StoreUnavailable: if Redis did not answer in time, or did not lately.
        """
        if self.is_open:
            msg = "Redis did not answer lately"
            raise StoreUnavailable(msg)
        loop = asyncio.get_running_loop()
        if self._trip is not None and loop.time() - self._left_at > PATIENCE_S:
            within_s = GLANCE_S
        future: asyncio.Future[DinerBytes] = loop.create_future()
        self._waiting.append((*self._keys(user_id, version), future))
        self._schedule()
        ends = loop.time() + 2 * within_s
        timer = loop.call_later(within_s, self._lose_patience, (future,), within_s, ends)
        try:
            return await future
        finally:
            timer.cancel()

    async def read_many(
        self, user_ids: Sequence[str], version: str, *, within_s: float
    ) -> list[DinerBytes]:
        """Return what is stored of several diners, in order: one trip for every 128.

        Single reads that come meanwhile travel between two of these trips.

        Raises:
            StoreUnavailable: if Redis did not answer each trip in time, or did not lately.
        """
        found: list[DinerBytes] = []
        for start in range(0, len(user_ids), MAX_DINERS_A_TRIP):
            some = user_ids[start : start + MAX_DINERS_A_TRIP]
            found += await self._read_together(some, version, within_s)
        return found

    async def _read_together(
        self, user_ids: Sequence[str], version: str, within_s: float
    ) -> list[DinerBytes]:
        if self.is_open:
            msg = "Redis did not answer lately"
            raise StoreUnavailable(msg)
        loop = asyncio.get_running_loop()
        if self._trip is not None and loop.time() - self._left_at > PATIENCE_S:
            within_s = GLANCE_S
        futures: list[asyncio.Future[DinerBytes]] = [loop.create_future() for _ in user_ids]
        for user_id, future in zip(user_ids, futures, strict=True):
            self._waiting.append((*self._keys(user_id, version), future))
        self._schedule()
        ends = loop.time() + 2 * within_s
        timer = loop.call_later(within_s, self._lose_patience, futures, within_s, ends)
        try:
            found = await asyncio.gather(*futures, return_exceptions=True)
        finally:
            timer.cancel()
        for one in found:
            if isinstance(one, BaseException):
                raise one
        return [one for one in found if isinstance(one, DinerBytes)]

    def _keys(self, user_id: str, version: str) -> tuple[str, str]:
        return keys.state(user_id, self._space), keys.row(version, user_id)

    def _lose_patience(
        self, readers: _Readers, within_s: float, ends: float, graces: int = _GRACES
    ) -> None:
        """Give up, unless their trip left only lately or the reply may be here any moment."""
        if all(reader.done() for reader in readers):
            return
        loop = asyncio.get_running_loop()
        left_s = 0.0
        if self._trip is not None:
            left_s = min(self._left_at + within_s, ends) - loop.time()
        if left_s > 0:
            loop.call_later(left_s, self._lose_patience, readers, within_s, ends)
        elif graces:
            loop.call_later(GRACE_S, self._lose_patience, readers, within_s, ends, graces - 1)
        else:
            for reader in readers:
                _give_up(reader)

    def _schedule(self) -> None:
        if not self._is_scheduled and self._trip is None:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self._start_trip)

    async def greet(self) -> None:
        """Open a connection before anybody waits for it; the breaker follows whether that works."""
        try:
            with translated():
                if self._is_cluster is None:
                    told = await self._redis.info("cluster")
                    self._is_cluster = bool(told.get("cluster_enabled"))
                self._space = space_of(await self._redis.get(keys.SPACE))
        except StoreUnavailable:
            self._failures = FAILURES_TO_OPEN
        else:
            self._failures = 0

    async def probe(self) -> None:
        """Look, for ever, whether Redis is back when it was away, and which space is served.

        Cancel to end.
        """
        while True:
            for _ in range(SPACE_EVERY):
                await asyncio.sleep(PROBE_S)
                if self.is_open:
                    await self.greet()
            with suppress(StoreUnavailable), translated():
                self._space = space_of(await self._redis.get(keys.SPACE))

    async def _fetch(self, pairs: Sequence[Sequence[str]]) -> list[bytes | None]:
        """Return the values of all pairs of keys, flat, in their order."""
        if not self._is_cluster:
            flat: list[bytes | None] = await self._redis.mget([k for pair in pairs for k in pair])  # type: ignore[assignment]  # never decoded
            return flat
        groups = _by_bucket(pairs)
        pipeline = self._redis.pipeline(transaction=False)
        for some in groups.values():
            pipeline.mget([key for at in some for key in pairs[at]])
        values: list[bytes | None] = [None] * (2 * len(pairs))
        for some, found in zip(groups.values(), await pipeline.execute(), strict=True):
            for place, at in enumerate(some):
                values[2 * at : 2 * at + 2] = found[2 * place : 2 * place + 2]
        return values

    def _start_trip(self) -> None:
        self._is_scheduled = False
        waiting = [reader for reader in self._waiting if not reader[2].done()]
        batch, self._waiting = waiting[:MAX_DINERS_A_TRIP], waiting[MAX_DINERS_A_TRIP:]
        if batch:
            loop = asyncio.get_running_loop()
            self._left_at = loop.time()
            self._trip = loop.create_task(self._travel(batch))
            self._trip.add_done_callback(self._return)

    def _return(self, _trip: "asyncio.Task[None]") -> None:
        self._trip = None
        self._start_trip()

    async def _travel(self, batch: list[_Waiting]) -> None:
        try:
            with translated():
                values = await self._fetch([pair for *pair, _ in batch])
        except StoreUnavailable as error:
            self._failures += 1
            for _, _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        self._failures = 0
        for at, (_, _, future) in enumerate(batch):
            if not future.done():
                future.set_result(DinerBytes(values[2 * at], values[2 * at + 1]))


def _by_bucket(pairs: Sequence[Sequence[str]]) -> dict[str, list[int]]:
    """Return positions of pairs by the hash tag that their keys share."""
    groups: dict[str, list[int]] = defaultdict(list)
    for at, (state, _) in enumerate(pairs):
        groups[state.partition("}")[0]].append(at)
    return groups


def _give_up(future: "asyncio.Future[DinerBytes]") -> None:
    if not future.done():
        msg = "Redis did not answer within its share of the budget"
        future.set_exception(StoreUnavailable(msg))


@asynccontextmanager
async def open_reader(redis: AsyncRedis) -> AsyncIterator[DinerReader]:
    """Yield a reader whose probe runs until the end."""
    reader = DinerReader(redis)
    await reader.greet()
    if reader.is_open:  # a first connection does more than later ones: once more
        await reader.greet()
    probe = asyncio.create_task(reader.probe())
    try:
        yield reader
    finally:
        probe.cancel()
        await asyncio.gather(probe, return_exceptions=True)
