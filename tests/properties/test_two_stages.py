"""The two stages that every list goes through: laws that hold for any diner and any filter."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from maitred.artifact import Model, Taste, load, score, shortlist, taste_of
from maitred.artifact.candidates import neighbour_scores
from maitred.artifact.diners import NOBODY, DinerRow
from maitred.errors import CorruptArtifact
from maitred.features import DinerState, Interaction, Kind
from tests.support.models import HISTORY_ENDS, RESTAURANTS, WIDTH, said_by, tiny_diners, tiny_run

INDEX = {f"r{i:02}": i for i in range(RESTAURANTS)}
masks = st.lists(st.booleans(), min_size=RESTAURANTS, max_size=RESTAURANTS).map(np.array)


@cache
def model() -> Model:
    with TemporaryDirectory() as folder:
        return load(tiny_run(Path(folder)) / "model")


@st.composite
def tastes(draw: st.DrawFn) -> Taste:
    items = draw(st.lists(st.integers(0, RESTAURANTS - 1), unique=True, max_size=8))
    choices = draw(st.lists(st.integers(0, 5), min_size=len(items), max_size=len(items)))
    dismissed = draw(st.lists(st.integers(0, RESTAURANTS - 1), unique=True, max_size=3))
    vector = draw(st.sampled_from([None, *(row.vector for row in tiny_diners(1).values())]))
    return Taste(_ints(items), np.array(choices, np.float32), vector, _ints(sorted(dismissed)))


def _ints(values: Sequence[int]) -> np.ndarray:
    return np.array(values, dtype=np.int32)


@given(tastes(), masks)
def test_candidates_are_allowed_distinct_sorted_and_as_many_as_there_are(
    taste: Taste, mask: np.ndarray
) -> None:
    candidates = shortlist(model(), taste, np.flatnonzero(mask)).rows

    left = set(np.flatnonzero(mask)) - set(taste.dismissed.tolist())
    assert set(candidates) == left
    assert candidates.tolist() == sorted(left)


@given(tastes(), masks)
def test_log_p_is_a_distribution_whose_terms_add_up(taste: Taste, mask: np.ndarray) -> None:
    listed = shortlist(model(), taste, np.flatnonzero(mask))

    scored = score(model(), taste, listed)

    terms = scored.features @ model().weights
    np.testing.assert_allclose(terms - scored.normaliser, scored.log_p, atol=1e-9)
    if listed.rows.size:
        assert np.isclose(np.exp(scored.log_p).sum(), 1.0)


@given(tastes())
def test_neighbours_add_up_over_the_history(taste: Taste) -> None:
    expected = np.zeros(RESTAURANTS)
    for item in taste.items:
        items, weights = said_by(model(), item)
        expected[items] += weights

    everything = model().catalogue.everything
    np.testing.assert_allclose(neighbour_scores(model(), taste, everything), expected, rtol=1e-6)
    some = everything[1::3]
    np.testing.assert_allclose(neighbour_scores(model(), taste, some), expected[some], rtol=1e-6)


@given(st.integers(0, RESTAURANTS - 1))
def test_a_click_changes_the_scores_of_other_restaurants(clicked: int) -> None:
    everything = np.arange(RESTAURANTS)
    before = score(model(), NOBODY, shortlist(model(), NOBODY, everything))
    state = DinerState((Interaction(HISTORY_ENDS + 60, "e1", f"r{clicked:02}", Kind.CLICK),))

    taste = taste_of(None, state, INDEX)
    after = score(model(), taste, shortlist(model(), taste, everything))

    others = np.arange(RESTAURANTS) != clicked
    assert (before.features[others] != after.features[others]).any()


@given(st.integers(0, RESTAURANTS - 1))
def test_another_look_at_the_latest_restaurant_is_not_lost(clicked: int) -> None:
    everything = np.arange(RESTAURANTS)
    looks = tuple(
        Interaction(HISTORY_ENDS + n, f"e{n}", f"r{clicked:02}", Kind.CLICK) for n in (1, 2)
    )

    once, twice = (
        score(model(), taste, shortlist(model(), taste, everything)).log_p
        for taste in (taste_of(None, DinerState(looks[:n]), INDEX) for n in (1, 2))
    )

    others = np.arange(RESTAURANTS) != clicked
    assert (once[others] != twice[others]).all()


@given(st.binary(max_size=200))
def test_bytes_that_are_not_a_row_never_become_one_with_another_meaning(raw: bytes) -> None:
    try:
        row = DinerRow.decode(raw)
    except CorruptArtifact:
        return
    assert row.encode() == raw


def test_a_row_survives_being_stored() -> None:
    row = tiny_diners(1)["u2"]

    again = DinerRow.decode(row.encode())

    assert again.items.tolist() == row.items.tolist()
    assert again.vector.size == WIDTH
    assert again.encode() == row.encode()


def test_what_the_row_holds_already_is_not_counted_twice() -> None:
    row = tiny_diners(1)["u0"]
    in_the_row = Interaction(float(row.at[0]), "old", "r00", Kind.CHOICE)
    since = Interaction(HISTORY_ENDS + 60, "new", "r03", Kind.CHOICE)

    taste = taste_of(row, DinerState((in_the_row, since)), INDEX)

    assert taste.items.tolist()[:2] == [3, 0]
    assert taste.choices.tolist()[:2] == [2.0, 2.0]


def test_a_dismissed_restaurant_stays_away_until_it_is_visited_again() -> None:
    dismissed = Interaction(HISTORY_ENDS + 60, "e1", "r05", Kind.DISMISS)
    visited = Interaction(HISTORY_ENDS + 120, "e2", "r05", Kind.CLICK)

    assert taste_of(None, DinerState((dismissed,)), INDEX).dismissed.tolist() == [5]
    assert taste_of(None, DinerState((dismissed, visited)), INDEX).dismissed.tolist() == []


def test_restaurants_that_the_model_does_not_know_are_left_out() -> None:
    state = DinerState((Interaction(1.0, "e1", "closed long ago", Kind.CLICK),))

    assert not taste_of(None, state, INDEX).is_known
