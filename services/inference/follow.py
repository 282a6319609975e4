"""Keeps a worker on the newest restaurants: polls the log of changes, swaps between requests.

All work on restaurants is done on a thread, in slices of under a millisecond with rests between
them, so that a bulk load does not keep the interpreter from requests. What is known is remembered
on disk: without Redis, a worker that starts again still shows nothing that was closed.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping

from maitred.catalogue import NOTHING, SLICE, Overlay, Rest, Restaurant, decode_record, no_rest
from maitred.clock import Clock
from maitred.errors import InvalidInput, StoreUnavailable
from maitred.observability import Metrics
from maitred.store.catalogue import NOWHERE, CatalogueStore, Entry, Position
from maitred.store.remembered import Memory
from services.inference.snapshot import News, Served, Snapshot, Snapshots

__all__ = ["Follow", "Rests", "overlay_of"]

POLL_S = 0.2
SHORTEST_REST_S, LONGEST_REST_S = 0.001, 0.05
_WAY_GIVEN = 5
PIECES = 16
"""Pieces of the log a look: at most 1,024 restaurants, so that other changes wait only for these."""
_REMEMBER_SHARE = 20
"""Remembering takes at most one in so many seconds."""
REMEMBER_AGAIN_S = 30.0
"""Until a disk that is full or read-only is tried, and warned of, again."""

_log = logging.getLogger(__name__)


class Follow:
    """One per worker."""

    def __init__(
        self,
        store: CatalogueStore,
        memory: Memory,
        snapshots: Snapshots,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._store, self._memory = store, memory
        self._snapshots, self._metrics, self._clock = snapshots, metrics, clock
        self.one_bulk = asyncio.Lock()
        """Held by whoever writes many at once; others wait for their turn."""
        self._lock = asyncio.Lock()
        self._lying: list[News] | None = None
        """What became known while a new model's restaurants are being laid over it."""
        self._renewals = 0
        self._level_at = clock.monotonic()
        self._remembered = NOWHERE
        self._remember_at = float("-inf")

    async def start(self) -> None:
        """Take what this machine remembers, then what Redis knows beyond that, if it answers."""
        position, overlay = await asyncio.to_thread(self._memory.recall)
        self._snapshots.swap(self._snapshots.now.then(News(overlay, overlay, position)))
        self._remembered = position
        try:
            while await self._look(no_rest):
                pass
            await self._remember()
        except StoreUnavailable as error:
            _log.warning("restaurants are those that this machine remembers: %s", error)
        self._show()

    async def run(self) -> None:
        """Look for ever; cancel to end."""
        has_more = False
        while True:
            await asyncio.sleep(0.0 if has_more else POLL_S)
            has_more = False
            try:
                has_more = await self._look(Rests(self._clock))
                await self._remember()
            except StoreUnavailable:
                pass  # what is known holds on
            except Exception:  # noqa: BLE001  # whatever it is, requests go on
                self._metrics.unexpected.labels("inference").inc()
                _log.exception("a look for changed restaurants failed")
            self._show()

    async def catch_up(self, position: Position) -> None:
        """Return when this worker serves what was written until ``position``.

        Raises:
            StoreUnavailable: if Redis does not answer.
        """
        while not self._snapshots.now.position.reaches(position):
            if not await self._look(
                Rests(self._clock)
            ) and not self._snapshots.now.position.reaches(position):
                return  # the store was emptied since

    async def serve(self, served: Served) -> None:
        """Swap a new model in, with the restaurants as they are now."""
        while True:
            async with self._lock:
                renewals, now = self._renewals, self._snapshots.now
                self._lying = []
            news = News(now.overlay, now.overlay, now.position)
            served = await asyncio.to_thread(served.afresh().then, news, rest=Rests(self._clock))
            async with self._lock:
                if renewals != self._renewals:
                    continue
                for later in self._lying:
                    served = await asyncio.to_thread(served.then, later, rest=Rests(self._clock))
                self._lying = None
                self._snapshots.swap(self._snapshots.now.with_model(served))
                return

    async def _look(self, rest: Rest) -> bool:
        """Apply what is new, or a part of it; return whether there may be more."""
        async with self._lock:
            now = self._snapshots.now
            after = await asyncio.to_thread(self._after, now, rest)
            if after is None:
                self._level_at = self._clock.monotonic()
                return False
            self._snapshots.swap(after)
            return True

    def _after(self, now: Snapshot, rest: Rest) -> Snapshot | None:
        """Return the next snapshot; None if this is the newest."""
        there = self._store.position()
        if there in {now.position, NOWHERE}:  # an emptied store takes back nothing that is known
            return None
        entries = None
        if there.reaches(now.position):
            entries = self._store.since(now.position, PIECES)
        if not entries:
            return self._renewed(now, rest)
        newer = _overlay_of(entries, rest)
        position = Position(there.epoch, entries[-1][0])
        news = News(newer, now.overlay.then(newer, rest=rest), position)
        if self._lying is not None:
            self._lying.append(news)
        return now.then(news, rest=rest)

    def _renewed(self, now: Snapshot, rest: Rest) -> Snapshot:
        """Read everything: this worker is new, or was away for longer than the log reaches back."""
        before = self._store.position()
        pages = [overlay_of(page, rest) for page in self._store.everything()]
        whole, position = _folded(pages, rest), self._store.position()
        while not before.reaches(position):  # what came while it was read
            entries = self._store.since(before, PIECES)
            if not entries:
                return self._renewed(now, rest)
            whole = whole.then(_overlay_of(entries, rest), rest=rest)
            before = Position(position.epoch, entries[-1][0])
        self._renewals += 1
        self._lying = None if self._lying is None else []
        _log.info("read all %d changed restaurants", len(whole))
        return now.afresh().then(News(whole, whole, before), rest=rest)

    async def _remember(self) -> None:
        """Keep on disk what is known; a disk that refuses is warned of, and costs nothing else."""
        now = self._snapshots.now
        started = self._clock.monotonic()
        if now.position in {self._remembered, NOWHERE} or started < self._remember_at:
            return
        pause_s = 0.0
        try:
            await asyncio.to_thread(self._memory.keep, now.position, now.overlay)
            self._remembered = now.position
        except OSError as error:
            pause_s = REMEMBER_AGAIN_S
            self._metrics.unexpected.labels("inference").inc()
            _log.warning("changed restaurants cannot be remembered on disk: %s", error)
        finally:
            ended = self._clock.monotonic()
            self._remember_at = ended + max(_REMEMBER_SHARE * (ended - started), pause_s)

    def _show(self) -> None:
        now = self._snapshots.now
        self._metrics.catalogue_position.set(now.position.number)
        self._metrics.catalogue_behind.set(self._clock.monotonic() - self._level_at)
        self._metrics.catalogue_overlay.labels("changed").set(len(now.overlay.changed))
        self._metrics.catalogue_overlay.labels("gone").set(len(now.overlay.gone))


def overlay_of(records: Mapping[str, bytes], rest: Rest = no_rest) -> Overlay:
    """Read stored records; one that cannot be read is logged and left out."""
    parts = []
    waiting = list(records.items())
    for start in range(0, len(waiting), SLICE):
        some = waiting[start : start + SLICE]
        there = [found for _, raw in some if raw and (found := _decoded(raw)) is not None]
        parts.append(Overlay.of(there, (name for name, raw in some if not raw)))
        rest()
    return _folded(parts, rest)


def _overlay_of(entries: list[Entry], rest: Rest) -> Overlay:
    records: dict[str, bytes] = {}
    for _, some in entries:
        records |= some
    return overlay_of(records, rest)


def _decoded(raw: bytes) -> Restaurant | None:
    try:
        return decode_record(raw)
    except InvalidInput:
        _log.exception("a stored restaurant is left out")
        return None


def _folded(parts: list[Overlay], rest: Rest) -> Overlay:
    """Return all parts as one, later ones winning; neighbours first, so that each is copied rarely."""
    while len(parts) > 1:
        pairs = [parts[at : at + 2] for at in range(0, len(parts), 2)]
        parts = [pair[0].then(pair[1], rest=rest) if len(pair) > 1 else pair[0] for pair in pairs]
    return parts[0] if parts else NOTHING


class Rests:
    """Lets requests run: a busy thread would otherwise keep the interpreter for 5 ms at a time.

    A rest is as long as the work before it, so that restaurants take half of a processor at most;
    where ``behind_s`` says how late requests are, several times that. One a job.
    """

    def __init__(self, clock: Clock, behind_s: Callable[[], float] = lambda: 0.0) -> None:
        self._clock = clock
        self._behind_s = behind_s
        self._never = threading.Event()
        self._since = clock.monotonic()

    def __call__(self) -> None:
        """Rest; at least a millisecond."""
        worked_s = self._clock.monotonic() - self._since
        rest_s = max(worked_s, SHORTEST_REST_S, _WAY_GIVEN * self._behind_s())
        self._never.wait(min(rest_s, LONGEST_REST_S))
        self._since = self._clock.monotonic()
