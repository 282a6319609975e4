"""What a model makes of restaurants that it has never seen."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maitred.artifact import Model, Taste, load, score, shortlist
from maitred.artifact.model import popularity_arrays
from maitred.artifact.newcomers import ALIKE, Kinds
from maitred.catalogue import NOTHING, Catalogue, Filters, LiveCatalogue, Overlay, Restaurant
from maitred.store.catalogue import Position
from services.inference.snapshot import News, Served
from tests.support.models import RESTAURANTS, tiny_run
from tests.support.restaurants import restaurants

KINDS = ("thai", "sushi", "diner")
EACH = 40
TASTES = np.eye(len(KINDS), dtype=np.float32)
NAMES = st.sampled_from([f"r{i:02}" for i in (0, 5, 11)] + [f"n{i}" for i in range(5)])
some = st.lists(restaurants(NAMES), unique_by=lambda r: r.restaurant_id, max_size=6)
Step = tuple[list[Restaurant], set[str]]
steps = st.lists(st.tuples(some, st.sets(NAMES, max_size=3)), min_size=1, max_size=4)


@cache
def tiny() -> Model:
    with TemporaryDirectory() as folder:
        return load(tiny_run(Path(folder)) / "model")


@cache
def planted() -> Model:
    """Forty restaurants of each kind, whose vectors say what they are, with a little noise."""
    rng = np.random.default_rng(3)
    catalogue = Catalogue.of(
        Restaurant(f"{kind}-{i:02}", cuisines=(kind,), price_level=1 + i % 4)
        for kind in KINDS
        for i in range(EACH)
    )
    n = len(catalogue)
    of_kind = np.array([KINDS.index(str(catalogue.first_cuisine(row))) for row in range(n)])
    popularity = rng.integers(1, 500, n).astype(np.float32)
    arrays = popularity_arrays(popularity, popularity)
    return Model(
        version="clicks-000000000000",
        manifest=tiny().manifest,
        catalogue=catalogue,
        vectors=(TASTES[of_kind] + rng.normal(scale=0.1, size=(n, 3))).astype(np.float32),
        neighbours_indptr=np.zeros(n + 1, dtype=np.int64),
        neighbours_items=np.empty(0, dtype=np.int32),
        neighbours_weights=np.empty(0, dtype=np.float32),
        popularity=popularity,
        choices=popularity,
        values=np.full(n, 2000, dtype=np.float32),
        popular_order=arrays["popular_order"],
        popular_rank=arrays["popular_rank"],
        segments={},
    )


def news(newer: Overlay, after: Overlay, number: int) -> News:
    return News(newer, after, Position("test", number))


@pytest.mark.parametrize("kind", KINDS)
def test_newcomers_of_a_planted_kind_rank_like_their_kind(kind: str) -> None:
    newer = Overlay.of(Restaurant(f"new-{name}", cuisines=(name,), price_level=2) for name in KINDS)
    served = Served.of(planted()).then(news(newer, newer, 1))
    index = served.catalogue.index
    none = np.empty(0, dtype=np.int32)
    vector = 40 * TASTES[KINDS.index(kind)]

    listed = shortlist(
        served.model,
        Taste(none, none.astype(np.float32), vector, none),
        served.catalogue.allowed(Filters()).rows,
    )
    scored = score(served.model, Taste(none, none.astype(np.float32), vector, none), listed)
    utility = dict(zip(scored.candidates.tolist(), scored.log_p.tolist(), strict=True))

    own = [utility[index[f"{kind}-{i:02}"]] for i in range(EACH)]
    others = [utility[index[f"{k}-{i:02}"]] for k in KINDS if k != kind for i in range(EACH)]
    newcomer = utility[index[f"new-{kind}"]]
    assert min(own) < newcomer < max(own)
    assert newcomer > max(others)
    assert all(utility[index[f"new-{k}"]] < min(own) for k in KINDS if k != kind)
    rank = served.model.popular_rank_of(np.array([index[f"new-{kind}"]]))[0]
    assert 0 < rank < len(planted().catalogue)


@pytest.mark.parametrize(
    ("restaurant", "are"),
    [
        (Restaurant("n", cuisines=("thai",), price_level=2), {("thai", 2)}),
        (Restaurant("n", cuisines=("thai",)), {("thai", p) for p in (1, 2, 3, 4)}),
        (Restaurant("n", cuisines=("thai", "sushi"), price_level=1), {("thai", 1), ("sushi", 1)}),
        (Restaurant("n", cuisines=("martian",), price_level=4), {(k, 4) for k in KINDS}),
        (Restaurant("n"), {(k, p) for k in KINDS for p in (1, 2, 3, 4)}),
    ],
)
def test_those_like_a_newcomer_share_a_cuisine_and_the_price_level(
    restaurant: Restaurant, are: set[tuple[str, int]]
) -> None:
    newcomer = Catalogue.of((restaurant,))

    kinds_there = Kinds(planted())
    (kind,) = kinds_there.kinds_of(newcomer.columns, np.array([0]))
    alike = kinds_there.alike[kind]

    known = planted().catalogue
    kinds = {
        (known.first_cuisine(row), known.restaurants[row].price_level) for row in alike.tolist()
    }
    assert alike.size == ALIKE
    assert kinds <= are
    assert {kind for kind, _ in kinds} == {kind for kind, _ in are}
    ranks = planted().popular_rank[alike]
    assert ranks.min() < ranks.mean() < ranks.max()  # from the most to the least popular


@settings(max_examples=150)
@given(history=steps)
def test_step_by_step_or_at_once_newcomers_are_like_the_same_restaurants(
    history: list[Step],
) -> None:
    served, after = Served.of(tiny()), NOTHING
    for number, (records, gone) in enumerate(history, start=1):
        newer = Overlay.of(records, gone)
        after = after.then(newer)
        served = served.then(news(newer, after, number))

    at_once = Served.of(tiny()).then(news(after, after, len(history)))

    assert list(served.catalogue.ids) == list(at_once.catalogue.ids)
    newcomers = len(served.catalogue) - RESTAURANTS
    for one, other in ((served, at_once), (served.afresh().then(news(after, after, 9)), at_once)):
        a, b = one.model.newcomers, other.model.newcomers
        assert (a is None) == (b is None) == (newcomers == 0)
        if a is not None and b is not None:
            assert a.kinds.shape == (newcomers,)
            np.testing.assert_array_equal(a.alike[a.kinds], b.alike[b.kinds])
    assert served.afresh().model.newcomers is None


def test_a_model_that_knows_no_restaurant_serves_none_and_does_not_fail() -> None:
    empty = Catalogue.of(())
    newer = Overlay.of((Restaurant("n"),))

    live = LiveCatalogue.over(empty, newer)

    assert live.record("n") == Restaurant("n")
    assert list(live.ids) == ["n"]


def test_kinds_that_were_given_out_stay_right_when_more_are_asked_for() -> None:
    kinds = Kinds(planted())
    first = Catalogue.of((Restaurant("a", cuisines=("thai",), price_level=1),)).columns
    (code,) = kinds.kinds_of(first, np.array([0]))
    given, rows = kinds.alike, kinds.alike[code].tolist()
    many = Catalogue.of(Restaurant(f"{i:03}", cuisines=("diner", f"c{i}")) for i in range(300))

    codes = kinds.kinds_of(many.columns, np.arange(300))

    assert len(set(codes.tolist())) == 300
    assert given[code].tolist() == kinds.alike[code].tolist() == rows
    assert kinds.alike.shape == (301, ALIKE)
