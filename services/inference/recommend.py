"""The whole path of a request, top to bottom."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from maitred.artifact import Scored, Taste
from maitred.artifact.diners import NOBODY
from maitred.clock import Clock
from maitred.errors import DeadlineExceeded, Overloaded, StoreUnavailable
from maitred.observability import Metrics
from maitred.policy import Policy, resolve
from maitred.settings import Settings
from maitred.store.reader import ABSENT, DinerBytes, DinerReader
from services.inference import fallback
from services.inference.ahead import Ahead
from services.inference.ask import Ask
from services.inference.breadth import Breadth
from services.inference.candidates import shortlist_for, taste_for
from services.inference.catalogue_view import View
from services.inference.datagram import Impression
from services.inference.deadline import Deadline
from services.inference.explain import explain
from services.inference.exploration import draw
from services.inference.impressions import ImpressionLog
from services.inference.scorer import Judged, judge
from services.inference.shown import Degraded, Reason, Shown
from services.inference.snapshot import Served, Snapshot, Snapshots
from services.inference.variety import cap_for
from services.inference.words import check_words

__all__ = ["Recommendation", "Recommender", "spare_of"]

MOST_SEEN = 1000
"""How many restaurants a diner is expected to have visited, where not all are looked at."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Recommendation:
    """What a reply says."""

    ask: Ask
    shown: Shown
    degraded: Degraded | None
    removed: dict[str, int]
    ids: Sequence[str] = ()
    model_version: str | None = None
    catalogue_version: str = ""
    """Until which change of restaurants the list is true; empty before the first model."""
    reasons: list[list[Reason]] | None = None
    cursor: str | None = None
    """Of the next page, where the request is paged; None: there is none."""


@dataclass(slots=True)
class _Walk:
    """How far a request came: what the rungs below can still use when it goes no further."""

    ask: Ask
    policy: Policy
    served: Served
    view: View
    deadline: Deadline
    ahead: Ahead | None = None
    degraded: Degraded | None = None
    taste: Taste | None = None
    """None: not looked up yet."""
    scored: Scored | None = None


@dataclass(frozen=True, slots=True)
class Recommender:
    """Answers every valid request, from the best rung that it can still afford."""

    settings: Settings
    clock: Clock
    metrics: Metrics
    snapshots: Snapshots
    reader: DinerReader
    breadth: Breadth
    impressions: ImpressionLog

    async def recommend(
        self, ask: Ask, deadline: Deadline, ahead: Ahead | None = None
    ) -> Recommendation:
        """Return what to show; ``ahead`` is what a batch has worked out already.

        Raises:
            InvalidInput: if a cuisine or attribute is one that no restaurant has, or if the
                objective and the dial contradict each other; not of what a batch has checked.
                Nothing else.
        """
        snapshot = ahead.snapshot if ahead else self.snapshots.now
        policy = self.policy_for(ask, snapshot)
        served = snapshot.of(policy) or snapshot.lowest
        if served is None:
            return Recommendation(ask, fallback.nothing(policy), Degraded.NO_MODEL, {})

        view = ahead.view if ahead else None
        if ahead is None:
            check_words(served.catalogue, ask.filters)
        if view is None:
            within_s, spare = _share(deadline), spare_of(ask)
            view = await self.breadth.view(served, ask.filters, within_s=within_s, spare=spare)
        walk = _Walk(ask, policy, served, view, deadline, ahead)
        if snapshot.of(policy) is None:
            walk.degraded = Degraded.NO_MODEL
            shown = self._fall_back(walk)
        else:
            shown = await self._best(walk)
        if walk.view.is_cut and walk.degraded is None:
            walk.degraded = Degraded.DEADLINE
            self.metrics.exhausted.labels("filters" if view.is_cut else "candidates").inc()

        reasons = None
        if ask.explain:
            reasons = explain(served, walk.taste or NOBODY, shown, walk.scored)
        ids, version = served.catalogue.ids, served.model.version
        self.impressions.offer(Impression(ask, self.clock.now(), shown, ids, version))
        return Recommendation(
            ask, shown, walk.degraded, walk.view.removed, ids, version, served.catalogue_version,
            reasons, _next_page(walk, shown),
        )  # fmt: skip

    async def _best(self, walk: _Walk) -> Shown:
        """Return the personalised list, or what is left of it when something runs short."""
        try:
            return await self._personalised(walk)
        except DeadlineExceeded as spent:
            self.metrics.exhausted.labels(spent.step).inc()
            walk.degraded = Degraded.DEADLINE
        except Overloaded:
            walk.degraded = Degraded.OVERLOAD
        except Exception as error:  # noqa: BLE001  # a bug here must cost quality, not the reply
            self.metrics.unexpected.labels("inference").inc()
            _log.error("a request stepped down", exc_info=error)
            walk.degraded = Degraded.INTERNAL
        return self._fall_back(walk)

    async def _personalised(self, walk: _Walk) -> Shown:
        ask, served, deadline = walk.ask, walk.served, walk.deadline
        deadline.passed("filters")
        if not deadline.has_room:
            msg = "too many requests at once"
            raise Overloaded(msg)

        taste = _meet(walk, await self._taste(walk))
        deadline.passed("diner")
        if not taste.is_known:
            return self._fall_back(walk)

        judged = await self._judged(walk, taste)
        walk.scored = judged.scored
        deadline.passed("score")
        temperature = self.settings.exploration_temperature
        return draw(
            ask,
            judged.scored,
            judged.scores,
            walk.policy,
            cap_for(served.catalogue, judged.scored.candidates, ask.max_per_cuisine),
            temperature=temperature if ask.temperature is None else ask.temperature,
            seed=(self.settings.seed, served.model.version),
        )

    async def _taste(self, walk: _Walk) -> Taste:
        ahead = walk.ahead
        if ahead is not None and ahead.taste is not None:
            walk.degraded = ahead.degraded
            return ahead.taste
        return taste_for(walk.served, await self._stored(walk), walk.ask.history)

    async def _judged(self, walk: _Walk, taste: Taste) -> Judged:
        if walk.ahead is not None and walk.ahead.judged is not None:
            return walk.ahead.judged
        walk.view = await self._widened(walk, taste)
        listed = shortlist_for(taste, walk.view)
        walk.deadline.passed("candidates")
        return judge(walk.served, taste, walk.policy, listed)

    async def _widened(self, walk: _Walk, taste: Taste) -> View:
        """Add what else may suit the diner, where not all restaurants were looked at."""
        wider = await self.breadth.widened(walk.view, taste, within_s=_share(walk.deadline))
        if wider is walk.view:
            return wider
        return replace(_narrowed(wider, walk.ask, taste), removed=walk.view.removed)

    async def _stored(self, walk: _Walk) -> DinerBytes:
        """Return what Redis knows of the diner; without an answer, say so and go on."""
        user_id = walk.ask.user_id
        if user_id is None:
            return ABSENT
        within_s = min(self.settings.redis_budget_ms / 1000, walk.deadline.remaining_s / 2)
        try:
            return await self.reader.read(user_id, walk.served.model.version, within_s=within_s)
        except StoreUnavailable:
            walk.degraded = Degraded.STORE
            return ABSENT

    def _fall_back(self, walk: _Walk) -> Shown:
        walk.scored = None
        if walk.taste is None:
            _meet(walk, taste_for(walk.served, ABSENT, walk.ask.history))
        return fallback.best_affordable(
            walk.ask,
            walk.policy,
            walk.view,
            now=self.clock.now(),
            remaining_s=walk.deadline.remaining_s,
        )

    def policy_for(self, ask: Ask, snapshot: Snapshot) -> Policy:
        """Settle what a request is ranked for.

        Raises:
            InvalidInput: if the objective and the dial contradict each other.
        """
        balanced = self._balanced(snapshot)
        return resolve(ask.objective, ask.revenue_weight, balanced_weight=balanced)

    def check(self, ask: Ask, snapshot: Snapshot) -> None:
        """Refuse what :meth:`recommend` would refuse.

        Raises:
            InvalidInput: as there.
        """
        policy = self.policy_for(ask, snapshot)
        served = snapshot.of(policy) or snapshot.lowest
        if served is not None:
            check_words(served.catalogue, ask.filters)

    def _balanced(self, snapshot: Snapshot) -> float:
        if self.settings.balanced_weight is not None:
            return self.settings.balanced_weight
        clicks = snapshot.clicks
        return clicks.model.manifest.default_weight if clicks else 0.0


def _meet(walk: _Walk, taste: Taste) -> Taste:
    """Learn who asks, and take out what this diner shall not be shown."""
    walk.taste = taste
    walk.view = _narrowed(walk.view, walk.ask, taste)
    return taste


def _narrowed(view: View, ask: Ask, taste: Taste) -> View:
    view = view.without(taste.dismissed, "dismissed")
    if ask.masks_seen:
        view = view.without(taste.items, "seen")
    if ask.page is not None:
        view = view.without(ask.page.shown_among(view.served.catalogue, view.rows), "shown")
    return view


def spare_of(ask: Ask) -> int:
    """How many restaurants may yet be taken out of those that pass the filters."""
    return (MOST_SEEN if ask.masks_seen else 0) + (len(ask.page) if ask.page else 0)


def _next_page(walk: _Walk, shown: Shown) -> str | None:
    """Return the cursor of the page after this one, None where nothing is left for it."""
    page, size = walk.ask.page, shown.restaurants.size
    is_last = size < walk.ask.k or (walk.view.is_whole and walk.view.rows.size == size)
    if page is None or is_last:
        return None
    return page.cursor_after(walk.served.catalogue.ids[at] for at in shown.restaurants.tolist())


def _share(deadline: Deadline) -> float:
    """What one step off the loop may take: half of what is left, so that a lower rung fits in.

    Nothing where there is no room: such a request is answered from what is at hand, at once.
    """
    return max(deadline.remaining_s / 2, 0.0) if deadline.has_room else 0.0
