"""Laws of every rung: filters hold, lists are as long as they can be, terms add up, order is right."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from math import asin, cos, radians, sin, sqrt
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maitred.artifact import Taste, load
from maitred.artifact.diners import NOBODY
from maitred.catalogue import MINUTES_PER_WEEK, Filters, Restaurant
from maitred.geo import EARTH_RADIUS_KM
from maitred.policy import Objective, Policy
from services.inference import fallback
from services.inference.ask import Ask
from services.inference.candidates import shortlist_for
from services.inference.catalogue_view import View, view_of
from services.inference.explain import explain
from services.inference.exploration import draw
from services.inference.scorer import judge
from services.inference.shown import Rung, Shown
from services.inference.snapshot import Served
from tests.support.models import CUISINES, LAT, LON, RESTAURANTS, WIDTH, tiny_run

NOW = datetime(2026, 5, 1, 23, 30, tzinfo=UTC)
Serve = Callable[[Ask, Policy, Taste], Shown]


@cache
def served() -> Served:
    with TemporaryDirectory() as folder:
        return Served.of(load(tiny_run(Path(folder)) / "model"))


def view_for(ask: Ask, taste: Taste) -> View:
    view = view_of(served(), ask.filters)
    assert view is not None
    return view.without(taste.dismissed, "dismissed")


def personalised(ask: Ask, policy: Policy, taste: Taste) -> Shown:
    view = view_for(ask, taste)
    judged = judge(served(), taste, policy, shortlist_for(taste, view))
    return draw(ask, judged.scored, judged.scores, policy, temperature=0.5, seed=(7, "v"))


def by_segment(ask: Ask, policy: Policy, taste: Taste) -> Shown:
    view = view_for(ask, taste)
    return fallback.best_affordable(ask, policy, view, now=NOW, remaining_s=1)


def by_static(ask: Ask, policy: Policy, taste: Taste) -> Shown:
    view = view_for(ask, taste)
    return fallback.best_affordable(ask, policy, view, now=NOW, remaining_s=0)


RUNGS = pytest.mark.parametrize("serve", [personalised, by_segment, by_static])

moments = st.datetimes(datetime(2026, 5, 1), datetime(2026, 5, 15)) | st.datetimes(  # noqa: DTZ001 - local times
    datetime(2026, 5, 1),  # noqa: DTZ001
    datetime(2026, 5, 15),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, ZoneInfo("Europe/Berlin")]),
)
places = st.tuples(st.floats(LAT - 0.05, LAT + 0.05), st.floats(LON - 0.05, LON + 0.05))


@st.composite
def filters(draw_from: st.DrawFn) -> Filters:
    place = draw_from(st.none() | places)
    return Filters(
        lat=place[0] if place else None,
        lon=place[1] if place else None,
        radius_km=draw_from(st.none() | st.floats(0, 8)) if place else None,
        cuisines=tuple(draw_from(st.lists(st.sampled_from([*CUISINES, "none"]), max_size=2))),
        price_max=draw_from(st.none() | st.integers(1, 4)),
        open_at=draw_from(st.none() | moments),
        exclude=frozenset(
            draw_from(st.lists(st.integers(0, 13).map(lambda i: f"r{i:02}"), max_size=4))
        ),
    )


asks = st.builds(
    Ask,
    request_id=st.text("abc", min_size=1, max_size=3),
    k=st.integers(1, 15),
    filters=filters(),
    explore=st.booleans(),
    explain=st.just(value=True),
)
weights = st.none() | st.sampled_from([0.0, 0.25, 1.0])
policies = weights.map(
    lambda w: Policy(
        Objective.REVENUE if w is None else Objective.CLICKS,
        Objective.REVENUE if w is None else Objective.CLICKS,
        w,
    )
)
indices = st.lists(st.integers(0, RESTAURANTS - 1), unique=True, max_size=4)


@st.composite
def tastes(draw_from: st.DrawFn) -> Taste:
    items = np.array(draw_from(indices), dtype=np.int32)
    dismissed = np.array(
        [i for i in sorted(draw_from(indices)) if i not in set(items.tolist())], dtype=np.int32
    )
    vector = np.full(WIDTH, draw_from(st.floats(-1, 1)), dtype=np.float32)
    return Taste(items, np.ones(items.size, np.float32), vector, dismissed)


@RUNGS
@given(ask=asks, policy=policies, taste=tastes())
def test_only_what_may_be_shown_is_shown_and_as_much_of_it_as_asked(
    serve: Serve, ask: Ask, policy: Policy, taste: Taste
) -> None:
    restaurants = served().model.catalogue.restaurants
    may = {
        i
        for i, restaurant in enumerate(restaurants)
        if passes(restaurant, ask.filters) and i not in taste.dismissed
    }

    shown = serve(ask, policy, taste).restaurants.tolist()

    assert set(shown) <= may
    assert len(shown) == len(set(shown)) == min(ask.k, len(may))


@RUNGS
@given(ask=asks, policy=policies, taste=tastes())
def test_the_terms_of_every_explanation_add_up_to_the_score(
    serve: Serve, ask: Ask, policy: Policy, taste: Taste
) -> None:
    shown = serve(ask, policy, taste)
    scored = None
    if serve is personalised:
        view = view_for(ask, taste)
        scored = judge(served(), taste, policy, shortlist_for(taste, view)).scored

    reasons = explain(served(), taste, shown, scored)

    totals = [sum(reason.contribution for reason in terms) for terms in reasons]
    assert totals == pytest.approx(shown.scores.tolist(), abs=1e-9)
    if scored is not None:
        pools = {round(terms[-1].contribution, 9) for terms in reasons}
        assert len(pools) <= 1  # one normaliser for all: nothing is hidden in it


@RUNGS
@given(ask=asks, policy=policies, taste=tastes())
def test_propensities_are_chances_and_certain_without_exploration(
    serve: Serve, ask: Ask, policy: Policy, taste: Taste
) -> None:
    shown = serve(ask, policy, taste)

    assert ((shown.propensities > 0) & (shown.propensities <= 1)).all()
    if shown.rung is not Rung.PERSONALISED or not ask.explore:
        assert (shown.propensities == 1).all()
        assert (np.diff(shown.scores) <= 0).all()


@RUNGS
@given(ask=asks, taste=tastes())
def test_weight_zero_is_the_plain_list_and_asking_again_changes_nothing(
    serve: Serve, ask: Ask, taste: Taste
) -> None:
    zero = serve(ask, Policy(Objective.CLICKS, Objective.CLICKS, 0.0), taste)
    plain = serve(ask, Policy(Objective.CLICKS, Objective.CLICKS, None), taste)

    assert zero.restaurants.tolist() == plain.restaurants.tolist()
    assert zero.scores.tolist() == plain.scores.tolist()


@given(ask=asks, policy=policies)
def test_ties_break_by_id(ask: Ask, policy: Policy) -> None:
    for serve in (by_segment, by_static):
        shown = serve(ask, policy, NOBODY)
        cut = shown.filled_from if shown.filled_from is not None else shown.restaurants.size
        order = list(zip((-shown.scores).tolist(), shown.restaurants.tolist(), strict=True))

        assert order[:cut] == sorted(order[:cut])


def passes(restaurant: Restaurant, wanted: Filters) -> bool:
    """The hard rules again, one restaurant at a time and by other means."""
    if restaurant.restaurant_id in wanted.exclude:
        return False
    if wanted.cuisines and not set(wanted.cuisines) & set(restaurant.cuisines):
        return False
    if wanted.price_max is not None and (
        restaurant.price_level is None or restaurant.price_level > wanted.price_max
    ):
        return False
    if wanted.radius_km is not None and not is_near(restaurant, wanted):
        return False
    return wanted.open_at is None or is_open(restaurant, wanted.open_at)


def is_near(restaurant: Restaurant, wanted: Filters) -> bool:
    if restaurant.lat is None or restaurant.lon is None:
        return False
    assert wanted.lat is not None
    assert wanted.lon is not None
    assert wanted.radius_km is not None
    phi, other = radians(wanted.lat), radians(restaurant.lat)
    turn = sin(radians(restaurant.lon - wanted.lon) / 2) ** 2
    half = sin((other - phi) / 2) ** 2 + cos(phi) * cos(other) * turn
    return 2 * EARTH_RADIUS_KM * asin(sqrt(half)) <= wanted.radius_km


def is_open(restaurant: Restaurant, at: datetime) -> bool:
    """Whether some opening of this or the last week covers the moment."""
    local = at if at.tzinfo is None else at.astimezone(ZoneInfo(restaurant.timezone or "UTC"))
    monday = (local - timedelta(days=local.weekday())).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    minute = (local.replace(tzinfo=None) - monday.replace(tzinfo=None)).total_seconds() // 60
    return any(
        opening.opens <= minute + week < opening.closes
        for opening in restaurant.hours
        for week in (0, MINUTES_PER_WEEK)
    )
