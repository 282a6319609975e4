"""Laws of list overlap: 1 for equal lists, 0 for disjoint ones, symmetric, early ranks matter more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.simulator.overlap import jaccard, rank_biased_overlap

LISTS = st.lists(st.sampled_from("abcdefghijkl"), unique=True, min_size=1, max_size=10)


@given(LISTS)
def test_a_list_overlaps_itself_fully(items: list[str]) -> None:
    assert jaccard(items, items) == 1.0
    assert rank_biased_overlap(items, items) == pytest.approx(1.0)


@given(LISTS, LISTS)
def test_overlap_is_symmetric_and_a_share(first: list[str], second: list[str]) -> None:
    assert 0.0 <= jaccard(first, second) <= 1.0
    assert jaccard(first, second) == jaccard(second, first)
    assert 0.0 <= rank_biased_overlap(first, second) <= 1.0 + 1e-9
    assert rank_biased_overlap(first, second) == pytest.approx(rank_biased_overlap(second, first))


@given(LISTS)
def test_disjoint_lists_do_not_overlap(items: list[str]) -> None:
    others = [item.upper() for item in items]

    assert jaccard(items, others) == 0.0
    assert rank_biased_overlap(items, others) == 0.0


def test_a_change_at_the_top_weighs_more_than_one_at_the_end() -> None:
    items = list("abcdefghij")

    top = rank_biased_overlap(items, ["x", *items[1:]])
    end = rank_biased_overlap(items, [*items[:-1], "x"])

    assert top < end < 1.0


def test_a_known_value_of_the_paper() -> None:
    # Two lists of two that share only the second rank, p = 0.5: X/d = 0, then 1/2.
    assert rank_biased_overlap(["a", "b"], ["c", "b"], persistence=0.5) == pytest.approx(0.25)
