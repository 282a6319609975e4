"""Laws of drawing a list: chances are those of the draw itself, with a cap as without one."""

from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maitred.policy import Cap, along, explore, greedy, list_propensities, pool_of
from maitred.seeds import generator

floats = st.floats(-3, 3)


@st.composite
def capped_pools(draw: st.DrawFn) -> tuple[np.ndarray, Cap, int]:
    size = draw(st.integers(1, 6))
    scores = np.array(draw(st.lists(floats, min_size=size, max_size=size)))
    groups = draw(st.lists(st.integers(-1, 2), min_size=size, max_size=size))
    return (
        scores,
        Cap(np.array(groups, dtype=np.intp), draw(st.integers(1, 3))),
        draw(st.integers(1, 7)),
    )


def eligible(rest: set[int], above: list[int], cap: Cap) -> set[int]:
    """What may come next, by the rule itself: not drawn, its group not full; else all the rest."""
    full = Counter(int(cap.groups[i]) for i in above)
    within = {i for i in rest if cap.groups[i] < 0 or full[int(cap.groups[i])] < cap.most}
    return within or rest


def chance_by_the_rule(weights: np.ndarray, listed: list[int], cap: Cap) -> list[float]:
    chances = []
    for rank, item in enumerate(listed):
        may = eligible(set(range(weights.size)) - set(listed[:rank]), listed[:rank], cap)
        chances.append(
            float(weights[item] / sum(weights[i] for i in sorted(may))) if item in may else 0.0
        )
    return chances


@given(capped_pools(), st.integers(0, 2**32))
def test_each_rank_of_a_capped_list_has_the_chance_that_the_rule_gives_it(
    pool: tuple[np.ndarray, Cap, int], seed: int
) -> None:
    scores, cap, k = pool

    choice = explore(scores, k, 0.7, np.random.default_rng(seed), cap)

    listed = choice.positions.tolist()
    assert len(listed) == len(set(listed)) == min(k, scores.size)
    expected = chance_by_the_rule(np.exp(scores / 0.7), listed, cap)
    assert choice.propensities.tolist() == pytest.approx(expected, rel=1e-9)


@given(capped_pools())
def test_the_chances_of_all_capped_lists_add_up_to_one(pool: tuple[np.ndarray, Cap, int]) -> None:
    scores, cap, k = pool
    weights, k = np.exp(scores), min(k, scores.size)

    lists = permutations(range(scores.size), k)
    total = sum(float(np.prod(chance_by_the_rule(weights, list(one), cap))) for one in lists)

    assert total == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("groups", "most"),
    [
        ([0, 0, 1, 1, 2], 1),
        ([0, 0, 0, 1, -1], 2),
        ([0, 0, 0, 1, 1], 1),  # too few groups: the end of the list goes beyond the cap
    ],
)
def test_capped_lists_are_as_frequent_as_their_propensities_say(
    groups: list[int], most: int
) -> None:
    scores, draws = np.array([0.5, 0.2, 0.0, -0.3, -0.6]), 20_000
    cap, rng = Cap(np.array(groups), most), generator(5, "capped")
    counts: Counter[tuple[int, ...]] = Counter()
    stated: dict[tuple[int, ...], float] = {}

    for _ in range(draws):
        choice = explore(scores, 3, 0.5, rng, cap)
        key = tuple(choice.positions.tolist())
        counts[key] += 1
        stated[key] = float(choice.propensities.prod())

    assert sum(stated.values()) == pytest.approx(1.0, abs=0.01)
    for key, chance in stated.items():
        error = 4.5 * np.sqrt(chance * (1 - chance) / draws)
        assert counts[key] / draws == pytest.approx(chance, abs=error)


@given(capped_pools(), st.sampled_from([0.0, 0.5]), st.integers(0, 2**32))
def test_a_cap_is_kept_as_long_as_the_rest_allows_it(
    pool: tuple[np.ndarray, Cap, int], temperature: float, seed: int
) -> None:
    scores, cap, k = pool

    listed = explore(scores, k, temperature, np.random.default_rng(seed), cap).positions.tolist()

    for rank, item in enumerate(listed):
        rest = set(range(scores.size)) - set(listed[:rank])
        assert item in eligible(rest, listed[:rank], cap)


@given(
    st.lists(st.tuples(floats, st.integers(-1, 3)), min_size=1, max_size=120),
    st.integers(1, 20),
    st.integers(1, 60),
    st.integers(0, 2**32),
)
def test_every_draw_from_the_pool_keeps_the_cap_where_some_list_of_all_could(
    rows: list[tuple[float, int]], most: int, k: int, seed: int
) -> None:
    scores = np.array([score for score, _ in rows])
    cap = Cap(np.array([group for _, group in rows], dtype=np.intp), most)
    sizes = Counter(cap.groups.tolist())
    possible = sum(n if group < 0 else min(n, most) for group, n in sizes.items())

    pool = pool_of(scores, k, cap)
    choice = explore(scores[pool], k, 0.5, np.random.default_rng(seed), cap.of(pool))

    shown = Counter(cap.groups[pool[choice.positions]].tolist())
    assert choice.positions.size == min(k, scores.size)
    assert pool[: min(max(50, k), scores.size)].tolist() == greedy(scores, max(50, k)).tolist()
    if possible >= min(k, scores.size):
        assert all(count <= most for group, count in shown.items() if group >= 0)


@given(st.lists(st.integers(-1, 3), max_size=30), st.integers(1, 4), st.integers(0, 31))
def test_a_capped_walk_is_what_counting_on_fingers_gives(
    groups: list[int], most: int, k: int
) -> None:
    order = np.arange(len(groups))[::-1]
    cap = Cap(np.array(groups, dtype=np.intp), most)
    taken: list[int] = []
    for item in order.tolist():
        if groups[item] < 0 or sum(groups[i] == groups[item] for i in taken) < most:
            taken.append(item)
    expected = (taken + [i for i in order.tolist() if i not in taken])[:k]

    assert along(order, k, cap).tolist() == expected


@given(
    st.lists(st.floats(-2000, 0), min_size=1, max_size=60),
    st.integers(1, 60),
    st.integers(0, 2**32),
)
def test_chances_are_those_of_adding_up_logarithms(
    utilities: list[float], k: int, seed: int
) -> None:
    u = np.array(utilities)
    positions = np.random.default_rng(seed).permutation(u.size)[:k]

    rest = np.delete(u, positions)
    log_rest = np.logaddexp.reduce(rest) if rest.size else -np.inf
    log_left = np.logaddexp.accumulate(np.append(log_rest, u[positions][::-1]))[:0:-1]
    expected = np.exp(u[positions] - log_left)

    chances = list_propensities(u, positions)
    assert chances == pytest.approx(expected, rel=1e-9, abs=1e-300)
    assert (chances <= 1).all()


def test_the_pool_reaches_beyond_sixty_of_one_kind() -> None:
    scores = np.arange(64, 0, -1.0)
    cap = Cap(np.array([0] * 60 + [1, 2, 3, 4]), 1)

    pool = pool_of(scores, 4, cap)
    choice = explore(scores[pool], 4, 5.0, generator(1, "pool"), cap.of(pool))

    assert sorted(cap.groups[pool[choice.positions]].tolist()) in (
        [0, 1, 2, 3],
        [0, 1, 2, 4],
        [0, 1, 3, 4],
        [0, 2, 3, 4],
        [1, 2, 3, 4],
    )
