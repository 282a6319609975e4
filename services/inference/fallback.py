"""The rungs below personalised: deterministic lists that need neither Redis nor much time.

``segment``: what diners of this area, part of the day and cuisine choose. ``popular``: what all
diners choose. Both turn the dial. ``static``: the popular order as it was prepared, cut to size.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from maitred.artifact import daypart, segment_keys
from maitred.artifact.segments import ANY, key
from maitred.geo import area
from maitred.policy import Policy, along, dial, greedy
from services.inference.ask import Ask
from services.inference.catalogue_view import View
from services.inference.shown import Floats, Indices, Rung, Shown
from services.inference.variety import cap_for

__all__ = ["best_affordable", "nothing", "popular", "static"]

POOL = 500
"""How many restaurants the dial may reorder: bounds the time of a rung."""

SEGMENT_S = 0.004
"""Seconds that must be left for more than the static rung; it takes a tenth of this."""

Maker = Callable[[Ask, Policy, View], Shown]

_NO_INDICES = np.empty(0, dtype=np.intp)
_NO_FLOATS = np.empty(0)
_EVERYWHERE = key(ANY, ANY, ANY)


def best_affordable(
    ask: Ask, policy: Policy, view: View, *, now: datetime, remaining_s: float
) -> Shown:
    """Return the best list that time allows; every restaurant in it passes the hard filters."""
    if remaining_s < SEGMENT_S:
        return _common(Rung.STATIC, static, ask, policy, view)
    narrowest = _segment(ask, view, now)
    if narrowest is None:
        return _common(Rung.POPULAR, popular, ask, policy, view)
    return _with_more(ask, policy, view, narrowest)


def _common(rung: Rung, make: Maker, ask: Ask, policy: Policy, view: View) -> Shown:
    """Return a list of the widest rungs; who asks the same gets the same one, made once."""
    if not view.is_common:
        return make(ask, policy, view)
    key = (rung, policy, ask.k, ask.max_per_cuisine, view.filters)
    return view.served.lists.recall(key, lambda: make(ask, policy, view))


def static(ask: Ask, policy: Policy, view: View) -> Shown:
    """Return the prepared order, filtered."""
    capped = ask.max_per_cuisine is not None
    top = _most_popular(view, max(ask.k, POOL) if capped else ask.k)
    cap = cap_for(view.served.catalogue, top, ask.max_per_cuisine)
    top = top[along(np.arange(top.size), ask.k, cap)]
    return _shown(Rung.STATIC, policy, top, view.served.model.log_shares_of(top))


def nothing(policy: Policy) -> Shown:
    """Return the list of a service that knows no restaurants yet."""
    return _shown(Rung.STATIC, policy, _NO_INDICES, _NO_FLOATS)


def _most_popular(view: View, count: int) -> Indices:
    """Return the allowed rows that were chosen most, best first."""
    ranks = view.served.model.popular_rank_of(view.rows)
    if ranks.size > count:
        best = np.argpartition(ranks, count)[:count]
        return view.rows[best[np.argsort(ranks[best], kind="stable")]]
    return view.rows[np.argsort(ranks, kind="stable")]


def _segment(ask: Ask, view: View, now: datetime) -> tuple[Indices, Floats] | None:
    """Return the narrowest list that fits, (rows ascending, log shares); None: only the widest."""
    filters = ask.filters
    local = ask.local_time or filters.open_at or now
    if local.tzinfo is not None and ask.local_time is None:
        local = local.astimezone(ZoneInfo(view.served.timezone))
    cuisine = filters.cuisines[0] if filters.cuisines else None
    for name in segment_keys(area(filters.lat, filters.lon), daypart(local), cuisine):
        segment = view.served.model.segments.get(name)
        if name == _EVERYWHERE or segment is None:
            continue
        inside = np.isin(segment.items, view.rows)
        if inside.any():
            rows = segment.items[inside].astype(np.intp)
            by_id = np.argsort(rows)
            return rows[by_id], segment.scores[inside][by_id].astype(np.float64)
    return None


def popular(ask: Ask, policy: Policy, view: View) -> Shown:
    """Return what all diners choose, with the dial."""
    pool, scores = _by_popularity(policy, view)
    cap = cap_for(view.served.catalogue, pool, ask.max_per_cuisine)
    order = greedy(scores, ask.k if cap is None else scores.size)
    chosen = along(order, ask.k, cap)
    return _shown(Rung.POPULAR, policy, pool[chosen], scores[chosen])


def _by_popularity(policy: Policy, view: View) -> tuple[Indices, Floats]:
    """Return the most popular restaurants, ascending, and what they score."""
    model = view.served.model
    pool = np.sort(_most_popular(view, POOL))
    return pool, dial(model.log_shares_of(pool), model.log_values_of(pool), policy.weight)


def _with_more(ask: Ask, policy: Policy, view: View, segment: tuple[Indices, Floats]) -> Shown:
    """Rank a segment's restaurants; popular ones follow where they are fewer than k, or too alike."""
    pool, shares = segment
    scores = dial(shares, view.served.model.log_values_of(pool), policy.weight)
    is_capped, own = ask.max_per_cuisine is not None, pool.size
    order = greedy(scores, own if is_capped else ask.k)
    pool, scores = pool[order], scores[order]
    if own < ask.k or is_capped:  # then all of the segment is in `pool`
        rest = replace(view, rows=view.rows[~np.isin(view.rows, pool)])
        more, their_scores = _by_popularity(policy, rest)
        order = greedy(their_scores, more.size)
        pool = np.concatenate([pool, more[order]])
        # never above the list that they continue
        scores = np.concatenate([scores, np.minimum(their_scores[order], scores[-1])])
    cap = cap_for(view.served.catalogue, pool, ask.max_per_cuisine)
    chosen = along(np.arange(pool.size), ask.k, cap)
    shown = _shown(Rung.SEGMENT, policy, pool[chosen], scores[chosen])
    return replace(shown, fillers=chosen >= own)


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
