"""Many diners ranked in one go get the lists that each would get alone."""

from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from maitred.artifact import Generator, Model, Taste, score, shortlist
from maitred.artifact.blocks import Wish, rank_block
from maitred.artifact.evidence import DENSE_ROWS
from maitred.artifact.model import Newcomers, popularity_arrays
from maitred.artifact.newcomers import Kinds
from maitred.catalogue import Catalogue, Restaurant
from maitred.policy import dial, greedy
from maitred.seeds import generator
from tests.support.models import made_manifest, tiny_arrays

WIDTH = 8
GENERATORS = [
    Generator(name="own_history", limit=5),
    Generator(name="neighbours", limit=40),
    Generator(name="vectors", limit=30),
    Generator(name="popular", limit=50),
]


@cache
def model(n: int, newcomers: int = 0) -> Model:
    """Return a model of n restaurants; its limits bind as soon as n is over 500."""
    rng = generator(3, "blocks", str(n))
    places = [Restaurant(f"r{i:05}", cuisines=(f"c{i % 7}",)) for i in range(n)]
    popularity = rng.integers(1, 1000, n).astype(np.float32)
    near = np.sort(rng.integers(0, n, (n, 9)), axis=1).astype(np.int32)
    manifest = made_manifest(tiny_arrays()).model_copy(update={"generators": GENERATORS})
    ranked = popularity_arrays(popularity, popularity)
    made = Model(
        "clicks-block", manifest, Catalogue.of(places),
        rng.normal(size=(n, WIDTH)).astype(np.float32),
        np.arange(n + 1, dtype=np.int64) * 9, near.ravel(),
        rng.uniform(0.001, 0.1, near.size).astype(np.float32),
        popularity, popularity, popularity + 1, ranked["popular_order"], ranked["popular_rank"], {},
    )  # fmt: skip
    if not newcomers:
        return made
    added = Catalogue.of(Restaurant(f"s{i}", cuisines=(f"c{i % 7}",)) for i in range(newcomers))
    kinds = Kinds(made)
    of_kind = kinds.kinds_of(added.columns, added.everything)
    return made.with_newcomers(Newcomers(of_kind, kinds.alike))


@st.composite
def wishes(draw: st.DrawFn, n: int) -> Wish:
    rng = generator(draw(st.integers(0, 10_000)), "wish")
    items = rng.permutation(n)[: draw(st.integers(0, 12))].astype(np.int32)
    dismissed = np.sort(rng.permutation(n)[: draw(st.integers(0, 3))]).astype(np.int32)
    barred = rng.permutation(n)[: draw(st.sampled_from([0, 5, n // 2, n]))]
    vector = rng.normal(size=WIDTH).astype(np.float32) if draw(st.booleans()) else None
    taste = Taste(items, rng.integers(0, 4, items.size).astype(np.float32), vector, dismissed)
    return Wish(taste, draw(st.sampled_from([None, 0.0, 0.5, 1.0])), barred)


def assert_as_alone(made: Model, some: list[Wish], rows: np.ndarray, keep: int) -> None:
    ranked = rank_block(made, some, rows, keep=keep)

    assert ranked.cuts.size == len(some) + 1
    for number, (wish, (first, last)) in enumerate(zip(some, pairwise(ranked.cuts), strict=True)):
        left = rows if wish.barred is None else np.setdiff1d(rows, wish.barred)
        alone = score(made, wish.taste, shortlist(made, wish.taste, left))
        scores = dial(alone.log_p, alone.log_v, wish.weight)
        best = greedy(scores, keep)
        assert ranked.rows[first:last].tolist() == alone.candidates[best].tolist()
        np.testing.assert_allclose(ranked.scores[first:last], scores[best], atol=1e-5)
        by_row = np.sort(best)
        kept = ranked.scored(number)
        assert kept.candidates.tolist() == alone.candidates[by_row].tolist()
        np.testing.assert_allclose(kept.features, alone.features[by_row], atol=1e-5)
        terms = kept.features @ made.weights - kept.normaliser
        np.testing.assert_allclose(terms, kept.log_p, atol=1e-5)


@given(st.data(), st.sampled_from([3, 400, 700, DENSE_ROWS + 100]), st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_a_block_is_as_each_alone(data: st.DataObject, n: int, keep: int) -> None:
    some = data.draw(st.lists(wishes(n), min_size=1, max_size=6))
    everything = np.arange(n)
    rows = everything[:: data.draw(st.integers(1, 2))]

    assert_as_alone(model(n), some, rows, keep)


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_newcomers_are_ranked_in_a_block_too(data: st.DataObject) -> None:
    made = model(700, newcomers=20)
    some = data.draw(st.lists(wishes(700), min_size=1, max_size=4))

    assert_as_alone(made, some, np.arange(720), 30)


def test_limits_that_just_fit_leave_every_generator_what_it_names() -> None:
    full = [Generator(name="popular", limit=400), Generator(name="own_history", limit=100)]
    made = replace(model(700), manifest=model(700).manifest.model_copy(update={"generators": full}))
    items = np.arange(700, dtype=np.int32)[::-1][:120]
    some = [Wish(Taste(items, np.ones(120, np.float32), None, items[:0]))]

    assert_as_alone(made, some, np.arange(700), 500)


def test_ties_at_a_generators_limit_are_cut_as_alone() -> None:
    rng = generator(9, "ties")
    tied = replace(
        model(700),
        neighbours_weights=np.full(6300, 0.05, np.float32),
        manifest=model(700).manifest.model_copy(
            update={"generators": [Generator(name="neighbours", limit=20)]}
        ),
    )
    some = [
        Wish(Taste(rng.permutation(700)[:12].astype(np.int32), np.ones(12, np.float32), None,
                   np.empty(0, np.int32)))
        for _ in range(20)
    ]  # fmt: skip

    assert_as_alone(tied, some, np.arange(700), 500)
