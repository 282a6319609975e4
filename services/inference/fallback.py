"""The rungs below personalised: deterministic lists that need neither Redis nor much time.

``segment``: what diners of this area, part of the day and cuisine choose. ``popular``: what all
diners choose. Both turn the dial. ``static``: the popular order as it was prepared, cut to size.
"""

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from maitred.artifact import Segment, daypart, segment_keys
from maitred.artifact.segments import ANY, key
from maitred.catalogue import Bools
from maitred.geo import area
from maitred.policy import Policy, dial, greedy
from services.inference.ask import Ask
from services.inference.catalogue_view import Allowed
from services.inference.shown import Floats, Indices, Rung, Shown
from services.inference.snapshot import Served

__all__ = ["best_affordable", "nothing", "static"]

POOL = 500
"""How many restaurants the dial may reorder: bounds the time of a rung."""

SEGMENT_S = 0.004
"""Seconds that must be left for more than the static rung; it takes a tenth of this."""

_NO_INDICES = np.empty(0, dtype=np.intp)
_NO_FLOATS = np.empty(0)
_EVERYWHERE = key(ANY, ANY, ANY)


def best_affordable(
    ask: Ask, policy: Policy, served: Served, view: Allowed, *, now: datetime, remaining_s: float
) -> Shown:
    """Return the best list that time allows; every restaurant in it passes the hard filters."""
    if remaining_s < SEGMENT_S:
        return static(ask, policy, served, view)
    segment = _segment(ask, served, view.mask, now)
    if segment is None:
        return _popular(ask, policy, served, view)
    inside = segment.items[view.mask[segment.items]].astype(np.intp)
    scores = segment.scores[view.mask[segment.items]].astype(np.float64)
    return _with_more(ask, policy, served, view, (inside, scores))


def static(ask: Ask, policy: Policy, served: Served, view: Allowed) -> Shown:
    """Return the prepared order, filtered."""
    order = served.by_share
    top = order[view.mask[order]][: ask.k]
    return _shown(Rung.STATIC, policy, top, served.log_shares[top])


def nothing(policy: Policy) -> Shown:
    """Return the list of a service that knows no restaurants yet."""
    return _shown(Rung.STATIC, policy, _NO_INDICES, _NO_FLOATS)


def _segment(ask: Ask, served: Served, mask: Bools, now: datetime) -> Segment | None:
    """Return the narrowest list that fits and has an allowed restaurant; None: only the widest."""
    filters = ask.filters
    local = ask.local_time or filters.open_at or now
    if local.tzinfo is not None and ask.local_time is None:
        local = local.astimezone(ZoneInfo(served.timezone))
    cuisine = filters.cuisines[0] if filters.cuisines else None
    for name in segment_keys(area(filters.lat, filters.lon), daypart(local), cuisine):
        segment = served.model.segments.get(name)
        if name != _EVERYWHERE and segment is not None and mask[segment.items].any():
            return segment
    return None


def _popular(ask: Ask, policy: Policy, served: Served, view: Allowed) -> Shown:
    order = served.by_share
    pool = np.sort(order[view.mask[order]][:POOL])
    scores = dial(served.log_shares[pool], served.model.log_values[pool], policy.weight)
    chosen = greedy(scores, ask.k)
    return _shown(Rung.POPULAR, policy, pool[chosen], scores[chosen])


def _with_more(
    ask: Ask,
    policy: Policy,
    served: Served,
    view: Allowed,
    segment: tuple[Indices, Floats],
) -> Shown:
    """Rank a segment's restaurants, and append popular ones when there are fewer than k."""
    by_id = np.argsort(segment[0])
    pool, shares = segment[0][by_id], segment[1][by_id]
    scores = dial(shares, served.model.log_values[pool], policy.weight)
    chosen = greedy(scores, ask.k)
    restaurants, scores = pool[chosen], scores[chosen]
    own = restaurants.size
    if restaurants.size < ask.k:
        rest = view.mask.copy()
        rest[pool] = False
        more = _popular(ask, policy, served, Allowed(rest, {}))
        room = ask.k - own
        restaurants = np.concatenate([restaurants, more.restaurants[:room]])
        # never above the list that they continue
        scores = np.concatenate([scores, np.minimum(more.scores[:room], scores[-1])])
    return replace(_shown(Rung.SEGMENT, policy, restaurants, scores), filled_from=own)


def _shown(rung: Rung, policy: Policy, restaurants: Indices, scores: Floats) -> Shown:
    return Shown(
        rung=rung,
        policy=policy,
        restaurants=restaurants,
        scores=scores,
        propensities=np.ones(restaurants.size),
        pool=_NO_INDICES,
        log_p=_NO_FLOATS,
        log_v=_NO_FLOATS,
    )
