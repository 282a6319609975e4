"""``POST /v1/recommendations/batch``: many diners at once, each answered as if asked alone.

What diners share is done once: filters, reads of Redis, the products of their vectors. Then every
diner walks the usual path with that in hand, so that rungs, filters, exploration and impressions
cannot differ from those of a single request. The work is cut into slices: see ``slices``.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from maitred.artifact import Taste
from maitred.artifact.blocks import Wish, rank_block
from maitred.artifact.diners import NOBODY
from maitred.catalogue import Filters
from maitred.errors import MaitredError, StoreUnavailable
from maitred.policy import EXPLORED_POOL, Policy, dial
from maitred.store.reader import ABSENT, DinerBytes
from services.inference.ahead import Ahead
from services.inference.ask import Ask
from services.inference.candidates import taste_for
from services.inference.catalogue_view import View
from services.inference.deadline import Deadline
from services.inference.recommend import Recommendation, Recommender, spare_of
from services.inference.scorer import Judged
from services.inference.shown import Degraded
from services.inference.slices import Slices
from services.inference.snapshot import Snapshot

__all__ = ["Batch", "budget_s"]

TOGETHER = 64
"""Diners who are read and prepared together, in one trip to Redis."""
CELLS = 12_000
"""Diners times restaurants that are ranked in one step of less than a millisecond."""
MS_A_DINER = 0.5
"""What each diner adds to the budget of a single request."""

_Part = TypeVar("_Part")

_log = logging.getLogger(__name__)


def budget_s(single_ms: float, diners: int) -> float:
    """Return the time of a whole batch, in seconds."""
    return (single_ms + MS_A_DINER * diners) / 1000


@dataclass(slots=True, eq=False)
class _Seat:
    """One diner at the table, and what is known so far."""

    ask: Ask
    policy: Policy
    snapshot: Snapshot
    view: View | None = None
    """None before the first model."""
    taste: Taste | None = None
    degraded: Degraded | None = None
    judged: Judged | None = None

    @property
    def is_plain(self) -> bool:
        """Whether somebody known may be shown all of the view, and nothing caps the list."""
        ask = self.ask
        narrows = ask.masks_seen or ask.page is not None or ask.max_per_cuisine is not None
        return self.taste is not None and self.taste.is_known and not narrows

    @property
    def ahead(self) -> Ahead:
        """What the diner's own walk need not do again."""
        return Ahead(self.snapshot, self.view, self.taste, self.degraded, self.judged)


@dataclass(slots=True, eq=False)
class Batch:
    """Answers one batch; see :class:`services.inference.slices.Turnstile` for how many at a time."""

    recommender: Recommender
    store_is_away: bool = False
    """Redis was waited for in vain once: the rest of the batch does not wait again."""

    async def recommend(
        self,
        asks: Sequence[Ask],
        snapshot: Snapshot,
        deadline: Deadline,
        slices: Slices,
        done: Callable[[Recommendation], None],
    ) -> None:
        """Call ``done`` with what to show to each diner, in order, all from ``snapshot``.

        ``asks`` have passed :meth:`Recommender.check` with it; after that nothing is refused.
        """
        views: dict[tuple[bool, int, Filters], View] = {}
        for some in _parts(asks, TOGETHER):
            seats = [_Seat(a, self.recommender.policy_for(a, snapshot), snapshot) for a in some]
            for seat in seats:
                seat.view = await self._view(seat, views, deadline)
                await slices.breathe()
            if deadline.remaining_s > 0:
                await self._look_up(seats, deadline, slices)
                await self._rank(seats, slices)
            for seat in seats:
                done(await self.recommender.recommend(seat.ask, deadline, seat.ahead))
                await slices.breathe()

    async def _view(
        self, seat: _Seat, views: dict[tuple[bool, int, Filters], View], deadline: Deadline
    ) -> View | None:
        served = seat.snapshot.of(seat.policy) or seat.snapshot.lowest
        if served is None:
            return None
        spare = spare_of(seat.ask)
        key = (served is seat.snapshot.clicks, spare, seat.ask.filters)
        if key not in views:
            within_s = max(deadline.remaining_s / 2, 0.0)
            breadth = self.recommender.breadth
            views[key] = await breadth.view(
                served, seat.ask.filters, within_s=within_s, spare=spare
            )
        return views[key]

    async def _look_up(self, seats: Sequence[_Seat], deadline: Deadline, slices: Slices) -> None:
        """Find out who the diners are: one read for all who look at the same model."""
        versions: dict[str, list[_Seat]] = {}
        for seat in seats:
            served = seat.snapshot.of(seat.policy)
            if served is not None:
                versions.setdefault(served.model.version, []).append(seat)
        for version, some in versions.items():
            stored, degraded = await self._stored(some, version, deadline)
            for seat in some:
                user_id = seat.ask.user_id
                seat.taste = _taste(seat, stored.get(user_id, ABSENT) if user_id else ABSENT)
                seat.degraded = degraded if user_id else None
                await slices.breathe()

    async def _stored(
        self, seats: Sequence[_Seat], version: str, deadline: Deadline
    ) -> tuple[dict[str, DinerBytes], Degraded | None]:
        if self.store_is_away:
            return {}, Degraded.STORE
        users = [user for user in dict.fromkeys(seat.ask.user_id for seat in seats) if user]
        budget = self.recommender.settings.redis_budget_ms / 1000
        left = max(deadline.remaining_s, 0.0)
        within_s = min(max(budget, left / 4), left)
        try:
            found = await self.recommender.reader.read_many(users, version, within_s=within_s)
        except StoreUnavailable:
            self.store_is_away = True
            return {}, Degraded.STORE
        return dict(zip(users, found, strict=True)), None

    async def _rank(self, seats: Sequence[_Seat], slices: Slices) -> None:
        """Rank those together who look at the same restaurants; the others walk alone."""
        views: dict[int, tuple[View, list[_Seat]]] = {}
        for seat in seats:
            view = seat.view
            if view is not None and seat.is_plain:
                views.setdefault(id(view), (view, []))[1].append(seat)
        for view, some in views.values():
            size = CELLS // view.rows.size if view.is_whole and view.rows.size else 0
            if size <= 1 or len(some) == 1:
                continue
            for block in _parts(some, size):
                try:
                    _rank_together(view, block)
                except Exception as error:  # noqa: BLE001  # a bug here must cost time, not the reply
                    self.recommender.metrics.unexpected.labels("inference").inc()
                    _log.error("a block of a batch walks alone", exc_info=error)
                await slices.breathe()


def _taste(seat: _Seat, stored: DinerBytes) -> Taste | None:
    if seat.view is None:
        return None
    try:
        return taste_for(seat.view.served, stored, seat.ask.history)
    except MaitredError:
        return None  # the diner's own walk meets it again, and says so


def _rank_together(view: View, block: Sequence[_Seat]) -> None:
    wishes = [Wish(seat.taste or NOBODY, seat.policy.weight) for seat in block]
    keep = max(EXPLORED_POOL, *(seat.ask.k for seat in block))
    ranked = rank_block(view.served.model, wishes, view.rows, keep=keep)
    for number, seat in enumerate(block):
        scored = ranked.scored(number)
        seat.judged = Judged(scored, dial(scored.log_p, scored.log_v, seat.policy.weight))


def _parts(whole: Sequence[_Part], size: int) -> Iterator[Sequence[_Part]]:
    return (whole[start : start + size] for start in range(0, len(whole), size))
