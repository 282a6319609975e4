"""Named checks: what refuses training, what only warns, and what a person reads."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from maitred.errors import InvalidDataset
from tests.support.datasets import run_data, small_dataset
from training.dataset import Dataset, build, save, validate
from training.dataset.validate import CHECKS

NOW = datetime(2026, 6, 1, tzinfo=UTC)
GOOD = [
    {"user_id": "u1", "restaurant_id": "r1"},
    {"user_id": "u2", "restaurant_id": "r2"},
    {
        "user_id": "u2",
        "restaurant_id": "r3",
        "type": "click",
        "value_minor": None,
        "currency": None,
    },
]


def places(**columns: object) -> dict[str, object]:
    return {
        "restaurant_id": ["r1", "r2", "r3"],
        "cuisines": [("thai",), ("thai",), ("pizza",)],
        **columns,
    }


def failed(dataset: Dataset) -> dict[str, str]:
    return {c.name: c.level for c in validate(dataset, latest=NOW).checks if not c.passed}


def test_a_sound_data_set_passes_every_check():
    report = validate(small_dataset(GOOD, **places()), latest=NOW)

    assert [check.name for check in report.checks if not check.passed] == []
    assert report.passed
    assert len(report.checks) == len(CHECKS)


@pytest.mark.parametrize(
    ("row", "name", "level"),
    [
        ({"event_id": "e0000"}, "duplicate-events", "error"),
        ({"type": "bought"}, "event-types", "error"),
        ({"occurred_at": pd.Timestamp("2026-06-02", tz="UTC")}, "future-times", "error"),
        ({"occurred_at": pd.Timestamp("1970-01-01", tz="UTC")}, "ancient-times", "warning"),
        ({"value_minor": -1}, "negative-values", "error"),
        ({"value_minor": 10**9}, "huge-values", "warning"),
        ({"currency": "EUR"}, "currency-mix", "error"),
        ({"currency": None}, "currency-missing", "error"),
    ],
)
def test_a_bad_event_fails_its_check(row: dict[str, object], name: str, level: str):
    dataset = small_dataset([*GOOD, {"user_id": "u1", "restaurant_id": "r2", **row}], **places())

    assert failed(dataset) == {name: level}


@pytest.mark.parametrize(
    ("columns", "name", "level"),
    [
        ({"lat": [95.0, 1.0, 1.0], "lon": [1.0, 1.0, 1.0]}, "impossible-places", "error"),
        ({"lat": [1.0, 1.0, 1.0], "lon": [None, 1.0, 1.0]}, "impossible-places", "error"),
        ({"lat": [0.0, 1.0, 1.0], "lon": [0.0, 1.0, 1.0]}, "null-island", "warning"),
        ({"price_level": [5, 1, 1]}, "impossible-prices", "error"),
        ({"avg_value_minor": [0, 1, 1]}, "impossible-prices", "error"),
        ({"hours": [("always",), (), ()]}, "opening-hours", "error"),
        ({"cuisines": [(), (), ("thai",)]}, "bare-restaurants", "warning"),
    ],
)
def test_a_bad_restaurant_fails_its_check(columns: dict[str, object], name: str, level: str):
    assert failed(small_dataset(GOOD, **places(**columns))) == {name: level}


def test_a_restaurant_that_stands_twice_is_an_error():
    restaurants = places(restaurant_id=["r1", "r2", "r3", "r3"], cuisines=[("thai",)] * 4)

    assert failed(small_dataset(GOOD, **restaurants)) == {"duplicate-restaurants": "error"}


def test_a_data_set_without_a_choice_is_an_error_that_says_what_to_map():
    clicks = [{**row, "type": "click", "value_minor": None, "currency": None} for row in GOOD]

    report = validate(small_dataset(clicks, **places()), latest=NOW)

    [error] = report.errors
    assert error.name == "no-choices"
    assert "map some rows as type 'order'" in error.message


@pytest.mark.parametrize("column", ["user_id", "restaurant_id"])
def test_one_diner_or_one_restaurant_is_too_few(column: str):
    rows = [{**row, column: "r1"} for row in GOOD]

    assert "too-few" in failed(small_dataset(rows, **places()))


def test_one_time_for_all_events_is_an_error():
    rows = [{**row, "occurred_at": pd.Timestamp("2026-05-01", tz="UTC")} for row in GOOD]

    assert failed(small_dataset(rows, **places())) == {"constant-times": "error"}


def test_orders_without_values_are_a_warning_that_says_what_to_map():
    rows = [{**row, "value_minor": None, "currency": None} for row in GOOD]

    report = validate(small_dataset(rows, **places()), latest=NOW)

    [warning] = report.warnings
    assert warning.name == "missing-values"
    assert "map `value`" in warning.message


def test_assumed_values_are_always_said():
    sound = small_dataset(GOOD, **places())
    frames = (sound.events, sound.restaurants, None)
    assumed = build(*frames, source="a test", assumption="All money here is made up.")

    [warning] = validate(assumed, latest=NOW).warnings

    assert warning.message == "All money here is made up."


def test_events_of_unlisted_restaurants_are_an_error():
    dataset = small_dataset(GOOD, **places())
    lost = replace(dataset, restaurants=dataset.restaurants.iloc[:2])

    assert "orphans" in failed(lost)


def test_rows_changed_after_the_fingerprint_was_taken_are_an_error():
    dataset = small_dataset(GOOD, **places())
    forged = replace(dataset, events=dataset.events.assign(weight=2.0))

    assert failed(forged) == {"fingerprint": "error"}


def test_an_error_refuses_with_the_reason_and_the_next_step():
    report = validate(small_dataset([*GOOD, {"value_minor": -1}], **places()), latest=NOW)

    with pytest.raises(InvalidDataset, match="negative-values: a value is negative") as refusal:
        report.require()

    assert "maitred data validate" in (refusal.value.next_step or "")


def test_the_command_exits_1_and_shows_examples(tmp_path: Path):
    save(small_dataset([*GOOD, {"value_minor": -77}], **places()), tmp_path / "set")

    ran = run_data("validate", tmp_path / "set")

    assert ran.exit_code == 1
    assert "such as -77" in ran.out
    assert "negative-values" in ran.err


def test_the_command_writes_json_for_scripts(tmp_path: Path):
    save(small_dataset(GOOD, **places()), tmp_path / "set")

    ran = run_data("validate", tmp_path / "set", "--json")

    assert ran.exit_code == 0
    assert ran.json["passed"] is True
    assert {check["name"] for check in ran.json["checks"]} == {name for name, _, _ in CHECKS}
