"""A data set folder: written whole, read with clear errors."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from maitred.errors import InvalidDataset, Refused, UsageError
from tests.support.datasets import run_data, small_dataset
from training.dataset import build, catalogue_of, load, save
from training.dataset.schema import EVENTS, RESTAURANTS

ROWS = [
    {"user_id": "u1", "restaurant_id": "r2", "request_id": "q1", "rank": 3, "propensity": 0.5},
    {"user_id": "u2", "restaurant_id": "r1", "type": "click", "value_minor": None},
]


def test_what_is_saved_is_loaded_again(tmp_path: Path):
    dataset = small_dataset(ROWS)

    save(dataset, tmp_path / "set")
    again = load(tmp_path / "set")

    pd.testing.assert_frame_equal(again.events, dataset.events)
    pd.testing.assert_frame_equal(again.restaurants, dataset.restaurants)
    assert again.meta == dataset.meta


def test_the_files_hold_exactly_the_columns_that_others_rely_on(tmp_path: Path):
    save(small_dataset(ROWS), tmp_path)

    events = pq.read_schema(tmp_path / "events.parquet")
    restaurants = pq.read_schema(tmp_path / "restaurants.parquet")

    assert events.names == EVENTS.names
    assert restaurants.names == RESTAURANTS.names
    assert str(events.field("occurred_at").type) == "timestamp[us, tz=UTC]"
    assert not (tmp_path / "users.parquet").exists()
    assert json.loads((tmp_path / "validation.json").read_text())["total"]["rows_read"] == 0


def test_saving_again_replaces_the_older_data_set_whole(tmp_path: Path):
    save(small_dataset(ROWS), tmp_path / "set")

    save(small_dataset(ROWS[:1]), tmp_path / "set")

    assert load(tmp_path / "set").meta.counts.events == 1
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_a_refused_save_leaves_nothing_behind(tmp_path: Path):
    home = tmp_path / "home"
    home.mkdir()
    (home / "thesis.txt").write_text("years of work")

    with pytest.raises(Refused, match="nothing was written"):
        save(small_dataset(ROWS), home)

    assert [path.name for path in home.iterdir()] == ["thesis.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_a_folder_that_is_not_there_is_wrong_usage(tmp_path: Path):
    with pytest.raises(UsageError, match="no data set folder"):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["events.parquet", "restaurants.parquet", "dataset.json"])
def test_a_missing_file_is_named(tmp_path: Path, name: str):
    save(small_dataset(ROWS), tmp_path)
    (tmp_path / name).unlink()

    with pytest.raises(InvalidDataset, match=name):
        load(tmp_path)


@pytest.mark.parametrize("name", ["events.parquet", "dataset.json"])
def test_a_file_of_garbage_is_named(tmp_path: Path, name: str):
    save(small_dataset(ROWS), tmp_path)
    (tmp_path / name).write_bytes(b"garbage")

    with pytest.raises(InvalidDataset, match=name):
        load(tmp_path)


def test_a_missing_column_is_named_with_its_file(tmp_path: Path):
    save(small_dataset(ROWS), tmp_path)
    table = pq.read_table(tmp_path / "events.parquet")
    pq.write_table(table.drop_columns(["rank"]), tmp_path / "events.parquet")

    with pytest.raises(InvalidDataset, match=r"events\.parquet lacks the column\(s\) rank"):
        load(tmp_path)


def test_a_folder_from_before_a_column_is_read_and_is_the_same_data_set(tmp_path: Path):
    save(small_dataset(ROWS), tmp_path)
    table = pq.read_table(tmp_path / "restaurants.parquet")
    pq.write_table(table.drop_columns(["delivery_km"]), tmp_path / "restaurants.parquet")

    old = load(tmp_path)

    assert old.restaurants["delivery_km"].isna().all()
    assert build(old.events, old.restaurants, None, source="again").meta.fingerprint == (
        old.meta.fingerprint
    )
    assert run_data("validate", tmp_path).exit_code == 0


@pytest.mark.parametrize(
    ("known", "is_as_before"),
    [({}, True), ({"delivery_km": [None]}, True), ({"delivery_km": [0.0]}, False)],
)
def test_a_fingerprint_holds_as_long_as_nothing_is_known_of_what_came_later(
    known: dict[str, list[float | None]],
    is_as_before: bool,  # noqa: FBT001
):
    rows = [{"event_id": "a", "user_id": "u1", "restaurant_id": "r1"}]
    before = "03d25639632c63bc5c58fdb16153feae748fcc5af57f59d9bace804f9be3b5a9"

    found = small_dataset(rows, restaurant_id=["r1"], price_level=[2], **known).meta.fingerprint

    assert (found == before) is is_as_before


def test_a_column_of_another_type_is_named(tmp_path: Path):
    save(small_dataset(ROWS), tmp_path)
    frame = pd.read_parquet(tmp_path / "events.parquet").assign(rank="first")
    frame.to_parquet(tmp_path / "events.parquet")

    with pytest.raises(InvalidDataset, match="column 'rank'"):
        load(tmp_path)


def test_the_fingerprint_does_not_know_where_or_when_it_was_written(tmp_path: Path):
    save(small_dataset(ROWS), tmp_path / "one")
    shutil.copytree(tmp_path / "one", tmp_path / "elsewhere")

    one, two = load(tmp_path / "one"), load(tmp_path / "elsewhere")

    assert one.meta.fingerprint == two.meta.fingerprint


def test_restaurants_that_only_events_name_are_in_the_catalogue_with_nothing_known():
    dataset = small_dataset([{"restaurant_id": "stray"}], restaurant_id=["r1"], price_level=[2])

    catalogue = catalogue_of(dataset)

    assert list(catalogue.ids) == ["r1", "stray"]
    assert catalogue.restaurants[0].price_level == 2
    assert catalogue.restaurants[1].price_level is None


def test_hours_over_midnight_come_through_to_the_catalogue():
    dataset = small_dataset([{}], restaurant_id=["r1"], hours=[("fri 18:00-02:00",)])

    [restaurant] = catalogue_of(dataset).restaurants

    assert restaurant.hours[0].closes - restaurant.hours[0].opens == 8 * 60


def test_a_command_on_a_folder_that_is_not_there_exits_2(tmp_path: Path):
    ran = run_data("validate", tmp_path / "nowhere")

    assert ran.exit_code == 2
    assert "maitred data fetch entree" in ran.err


@pytest.mark.parametrize(("one", "two"), [(None, 0), (0, 1), (None, 1)])
def test_the_fingerprint_tells_nothing_from_zero(one: int | None, two: int | None) -> None:
    datasets = [small_dataset([{"value_minor": value, "rank": value}]) for value in (one, two)]

    assert datasets[0].meta.fingerprint != datasets[1].meta.fingerprint


def test_the_fingerprint_tells_where_one_text_ends_and_the_next_begins() -> None:
    one = small_dataset([{"user_id": "ab"}, {"user_id": "c"}])
    two = small_dataset([{"user_id": "a"}, {"user_id": "bc"}])

    assert one.meta.fingerprint != two.meta.fingerprint
