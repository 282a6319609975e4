"""However restaurants change, the live catalogue is the catalogue of what is true now."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from maitred.catalogue import (
    Catalogue,
    Filters,
    LiveCatalogue,
    Overlay,
    Restaurant,
    decode_record,
    encode_record,
)
from maitred.catalogue.merging import MOST_RUNS
from maitred.catalogue.merging import merged as merge
from tests.support.restaurants import filters, restaurants

NAMES = st.sampled_from([f"r{i}" for i in range(8)] + ["é/b", "猫", "a b", ""])
some = st.lists(restaurants(NAMES), unique_by=lambda r: r.restaurant_id, max_size=8)
Step = tuple[list[Restaurant], set[str]]
steps = st.lists(st.tuples(some, st.sets(NAMES, max_size=4)), min_size=1, max_size=4)


def overlay(step: Step) -> Overlay:
    return Overlay.of(*step)


def truth(base: list[Restaurant], history: list[Step]) -> dict[str, Restaurant]:
    """What is true after all steps, one restaurant at a time."""
    now = {r.restaurant_id: r for r in base}
    for records, gone in history:
        for name in gone:
            now.pop(name, None)
        now |= {r.restaurant_id: r for r in records}
    return now


def laid(base: list[Restaurant], history: list[Step]) -> LiveCatalogue:
    live = LiveCatalogue.over(Catalogue.of(base))
    for step in history:
        live = live.then(overlay(step))
    return live


@settings(max_examples=300)
@given(base=some, history=steps, wanted=filters(NAMES))
def test_filters_and_their_counts_are_those_of_a_catalogue_of_everything_as_it_is_now(
    base: list[Restaurant], history: list[Step], wanted: Filters
) -> None:
    live, now = laid(base, history), Catalogue.of(truth(base, history).values())

    found, expected = live.allowed(wanted), now.allowed(wanted)

    assert {live.ids[row] for row in found.rows.tolist()} == {
        now.ids[row] for row in expected.rows.tolist()
    }
    assert found.removed == expected.removed
    assert found.rows.tolist() == sorted(set(found.rows.tolist()))
    affordable = live.affordable(wanted)
    assert affordable is not None
    assert affordable.rows.tolist() == found.rows.tolist()
    everything = np.arange(len(live))
    assert live.passing(everything, wanted).tolist() == found.rows.tolist()
    part = everything[::2]
    assert live.passing(part, wanted).tolist() == sorted(
        set(part.tolist()) & set(found.rows.tolist())
    )


@given(base=some, history=steps)
def test_records_names_and_rows_are_those_of_what_is_true_now(
    base: list[Restaurant], history: list[Step]
) -> None:
    live, now = laid(base, history), truth(base, history)

    assert {live.ids[row] for row in live.allowed(Filters()).rows.tolist()} == set(now)
    for name, restaurant in now.items():
        row = live.index[name]
        assert live.record(name) == restaurant
        assert live.ids[row] == name
        assert live.name_of(row) == (restaurant.name or name)
        assert live.first_cuisines(np.array([row])) == [next(iter(restaurant.cuisines), None)]
    for name in {r.restaurant_id for r in base} - set(now):
        assert live.record(name) is None
        assert live.ids[live.index[name]] == name  # histories go on naming it
    assert {r.restaurant_id for r in base} <= set(live.index)
    assert [live.ids[row] for row in range(len(live.base))] == sorted(r.restaurant_id for r in base)
    newcomers = [live.ids[row] for row in range(len(live.base), len(live))]
    assert newcomers == sorted(set(now) - {r.restaurant_id for r in base})


@given(base=some, history=steps)
def test_changes_laid_at_once_are_the_changes_laid_one_after_another(
    base: list[Restaurant], history: list[Step]
) -> None:
    step_by_step = laid(base, history)
    whole = overlay(history[0])
    for step in history[1:]:
        whole = whole.then(overlay(step))

    at_once = LiveCatalogue.over(Catalogue.of(base), whole)

    assert list(at_once.ids) == list(step_by_step.ids)
    assert at_once.allowed(Filters()).rows.tolist() == (
        step_by_step.allowed(Filters()).rows.tolist()
    )
    assert list(whole.changed.restaurants) == list(at_once.changed.restaurants)
    assert not whole.gone & set(whole.changed.ids)


@pytest.mark.parametrize("most_runs", [0, MOST_RUNS])
@given(known=some, newer=some)
@example(
    known=[Restaurant("r2", lat=41.875, lon=-87.625)],
    newer=[Restaurant("r0", lat=41.875, lon=-87.625)],
)  # in one cell
def test_merged_columns_are_the_columns_of_the_merged_records(
    most_runs: int, known: list[Restaurant], newer: list[Restaurant]
) -> None:
    old, new = Catalogue.of(known).columns, Catalogue.of(newer).columns
    kept = [i for i, name in enumerate(old.ids) if name not in set(new.ids)]
    before = [sum(old.ids[i] < name for i in kept) for name in new.ids]

    merged = merge(
        old,
        np.array(kept, dtype=np.intp),
        new,
        np.array(before, dtype=np.intp),
        most_runs=most_runs,
    )

    plain = Catalogue.of(truth(known, [(newer, set())]).values()).columns
    assert [merged.record(i) for i in range(len(merged.ids))] == [
        plain.record(i) for i in range(len(plain.ids))
    ]
    for name, array in plain.arrays().items():  # to the byte: no word of a replaced record stays
        assert merged.arrays()[name].dtype == array.dtype
        np.testing.assert_array_equal(merged.arrays()[name], array)
    merged.check()


def test_a_word_that_was_corrected_everywhere_is_unknown_again() -> None:
    live = laid([], [([Restaurant("a", cuisines=("thia",), attributes=("vgan",))], set())])

    live = live.then(overlay(([Restaurant("a", cuisines=("thai",))], set())))

    assert live.changed.columns.cuisines.words == ("thai",)
    assert live.changed.columns.attributes.words == ()


@given(restaurants(st.text(min_size=1)))
def test_a_record_survives_being_stored_and_equal_ones_are_equal_bytes(r: Restaurant) -> None:
    raw = encode_record(r)

    assert decode_record(raw) == r
    through_columns = Catalogue.of((r,)).restaurants[0]
    assert encode_record(through_columns) == raw
