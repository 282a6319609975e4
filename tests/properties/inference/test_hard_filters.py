"""Laws of every rung: filters hold, lists are as long as they can be, terms add up, order is right."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from maitred.artifact import Taste
from maitred.artifact.diners import NOBODY
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
from services.inference.variety import cap_for
from tests.support import brute
from tests.support.models import WIDTH
from tests.support.wide import RESTAURANTS, now_true, wide_filters, wide_live, wide_served

NOW = datetime(2026, 5, 1, 23, 30, tzinfo=UTC)
City = Callable[[], Served]
Serve = Callable[[Served, Ask, Policy, Taste], Shown]


def view_for(served: Served, ask: Ask, taste: Taste) -> View:
    view = view_of(served, ask.filters)
    assert view is not None
    return view.without(taste.dismissed, "dismissed")


def personalised(served: Served, ask: Ask, policy: Policy, taste: Taste) -> Shown:
    view = view_for(served, ask, taste)
    listed = shortlist_for(taste, view)
    judged = judge(served, taste, policy, listed)
    cap = cap_for(served.catalogue, listed.rows, ask.max_per_cuisine)
    return draw(ask, judged.scored, judged.scores, policy, cap, temperature=0.5, seed=(7, "v"))


def by_segment(served: Served, ask: Ask, policy: Policy, taste: Taste) -> Shown:
    view = view_for(served, ask, taste)
    return fallback.best_affordable(ask, policy, view, now=NOW, remaining_s=1)


def by_static(served: Served, ask: Ask, policy: Policy, taste: Taste) -> Shown:
    view = view_for(served, ask, taste)
    return fallback.best_affordable(ask, policy, view, now=NOW, remaining_s=0)


RUNGS = pytest.mark.parametrize("serve", [personalised, by_segment, by_static])

cities = st.sampled_from([wide_served, wide_live])
asks = st.builds(
    Ask,
    request_id=st.text("abc", min_size=1, max_size=3),
    k=st.integers(1, 15) | st.just(100),
    filters=wide_filters(),
    explore=st.booleans(),
    explain=st.just(value=True),
    max_per_cuisine=st.none() | st.integers(1, 4),
)
uncapped = asks.filter(lambda ask: ask.max_per_cuisine is None)
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
@given(city=cities, ask=asks, policy=policies, taste=tastes())
def test_only_what_may_be_shown_is_shown_and_as_much_of_it_as_asked(
    serve: Serve, city: City, ask: Ask, policy: Policy, taste: Taste
) -> None:
    restaurants = now_true(city())
    assume(brute.is_decided(restaurants, ask.filters))
    may = brute.allowed(restaurants, ask.filters)[0]
    may -= {city().catalogue.ids[row] for row in taste.dismissed.tolist()}

    rows = serve(city(), ask, policy, taste).restaurants.tolist()
    shown = [city().catalogue.ids[row] for row in rows]

    assert set(shown) <= may
    assert len(shown) == len(set(shown)) == min(ask.k, len(may))


@RUNGS
@given(city=cities, ask=asks, policy=policies, taste=tastes(), most=st.integers(1, 4))
def test_no_more_of_a_cuisine_than_asked_unless_the_list_would_be_short(
    serve: Serve, city: City, ask: Ask, policy: Policy, taste: Taste, most: int
) -> None:
    ask = replace(ask, max_per_cuisine=most)
    there = city().catalogue.first_cuisines(view_for(city(), ask, taste).rows)
    sizes = Counter(cuisine for cuisine in there if cuisine is not None)
    possible = there.count(None) + sum(min(count, most) for count in sizes.values())

    rows = serve(city(), ask, policy, taste).restaurants
    cuisines = city().catalogue.first_cuisines(rows)

    within = min(ask.k, possible)  # so many at the head of the list keep the cap
    head = Counter(cuisine for cuisine in cuisines[:within] if cuisine is not None)
    assert all(count <= most for count in head.values())


@RUNGS
@given(city=cities, ask=asks, policy=policies, taste=tastes())
def test_the_terms_of_every_explanation_add_up_to_the_score(
    serve: Serve, city: City, ask: Ask, policy: Policy, taste: Taste
) -> None:
    shown = serve(city(), ask, policy, taste)
    scored = None
    if serve is personalised:
        view = view_for(city(), ask, taste)
        scored = judge(city(), taste, policy, shortlist_for(taste, view)).scored

    reasons = explain(city(), taste, shown, scored)

    totals = [sum(reason.contribution for reason in terms) for terms in reasons]
    assert totals == pytest.approx(shown.scores.tolist(), abs=1e-9)
    if scored is not None:
        pools = [terms[-1].contribution for terms in reasons]
        # one normaliser for all: nothing is hidden in it but a newcomer's means in single precision
        assert pools == pytest.approx(pools[:1] * len(pools), abs=1e-5)


@RUNGS
@given(city=cities, ask=asks, policy=policies, taste=tastes())
def test_propensities_are_chances_and_certain_without_exploration(
    serve: Serve, city: City, ask: Ask, policy: Policy, taste: Taste
) -> None:
    shown = serve(city(), ask, policy, taste)

    assert ((shown.propensities > 0) & (shown.propensities <= 1)).all()
    if shown.rung is not Rung.PERSONALISED or not ask.explore:
        assert (shown.propensities == 1).all()
        prepared = shown.rung is Rung.STATIC and city is wide_live  # by its newcomers' mean ranks
        if ask.max_per_cuisine is None and not prepared:
            assert (np.diff(shown.scores) <= 0).all()


@RUNGS
@given(city=cities, ask=asks, taste=tastes())
def test_weight_zero_is_the_plain_list_and_asking_again_changes_nothing(
    serve: Serve, city: City, ask: Ask, taste: Taste
) -> None:
    zero = serve(city(), ask, Policy(Objective.CLICKS, Objective.CLICKS, 0.0), taste)
    plain = serve(city(), ask, Policy(Objective.CLICKS, Objective.CLICKS, None), taste)

    assert zero.restaurants.tolist() == plain.restaurants.tolist()
    assert zero.scores.tolist() == plain.scores.tolist()


@given(city=cities, ask=uncapped, policy=policies)
def test_ties_break_by_id(city: City, ask: Ask, policy: Policy) -> None:
    for serve in (by_segment, *((by_static,) if city is wide_served else ())):
        shown = serve(city(), ask, policy, NOBODY)
        cut = shown.restaurants.size
        if shown.fillers is not None:
            cut -= int(shown.fillers.sum())
        order = list(zip((-shown.scores).tolist(), shown.restaurants.tolist(), strict=True))

        assert order[:cut] == sorted(order[:cut])
