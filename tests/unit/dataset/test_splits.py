"""The protocols, on data sets small enough to split by hand."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from maitred.errors import InvalidDataset, UsageError
from tests.support.datasets import START, run_data, small_dataset
from training.dataset import Dataset, load, save, split


def ids(part: Dataset):
    return part.events["event_id"].tolist()


def test_last_holds_out_the_choice_of_the_last_session_that_has_one():
    dataset = small_dataset(
        [
            {"request_id": "q1", "type": "click"},
            {"request_id": "q1"},
            {"request_id": "q2", "type": "click", "restaurant_id": "r2"},
            {"request_id": "q2", "restaurant_id": "r2"},
            {"request_id": "q3", "type": "click", "restaurant_id": "r3"},
        ]
    )

    parts = split(dataset, "last")

    assert ids(parts.test) == ["e0003"]
    assert ids(parts.train) == ["e0000", "e0001"]  # q2's browsing and all of q3 are gone
    assert parts.is_new.tolist() == [True]


def test_a_restaurant_that_was_only_browsed_before_is_known():
    dataset = small_dataset(
        [
            {"request_id": "q1"},
            {"request_id": "q1", "type": "click", "restaurant_id": "r2"},
            {"request_id": "q2", "restaurant_id": "r2"},
        ]
    )

    parts = split(dataset, "last")

    assert parts.is_new.tolist() == [False]


def test_a_diner_with_one_choice_is_left_whole_in_train():
    rows = [{"user_id": "u2"}, {}, {}]

    parts = split(small_dataset(rows), "last")

    assert ids(parts.train) == ["e0000", "e0001"]
    assert ids(parts.test) == ["e0002"]


def test_sessions_at_the_same_second_keep_the_order_of_their_events():
    rows = [{"request_id": q, "occurred_at": START} for q in ("q9", "q1", "q5")]

    parts = split(small_dataset(rows), "last")

    assert ids(parts.test) == ["e0002"]
    assert ids(parts.train) == ["e0000", "e0001"]


def test_two_orders_of_one_session_are_not_two_sessions():
    rows = [{"request_id": "q1"}, {"request_id": "q1", "restaurant_id": "r2"}]

    with pytest.raises(InvalidDataset, match="no choice to hold out"):
        split(small_dataset(rows), "last")


def test_a_request_id_of_another_diner_is_another_session():
    rows = [{"request_id": "q1"}, {"request_id": "q1", "user_id": "u2"}, {"request_id": "q2"}]

    parts = split(small_dataset(rows), "last")

    assert ids(parts.test) == ["e0002"]
    assert ids(parts.train) == ["e0000", "e0001"]


def test_time_learns_from_before_the_cut_and_is_judged_by_choices_after_it():
    rows = [{}, {}, {"type": "click"}, {}]
    cut = (START.to_pydatetime()).replace(minute=2)

    parts = split(small_dataset(rows), "time", cut=cut)

    assert ids(parts.train) == ["e0000", "e0001"]
    assert ids(parts.test) == ["e0003"]


def test_time_holds_out_the_newest_fifth_unless_told_otherwise():
    rows = [{} for _ in range(10)]

    assert ids(split(small_dataset(rows), "time").test) == ["e0008", "e0009"]
    assert len(ids(split(small_dataset(rows), "time", share=0.5).test)) == 5


def test_none_holds_nothing_out():
    dataset = small_dataset([{}, {}])

    parts = split(dataset, "none")

    assert parts.train is dataset
    assert parts.test.events.empty


def test_a_train_part_can_be_split_again_for_validation():
    dataset = small_dataset([{}, {}, {}])

    inner = split(split(dataset, "last").train, "last")

    assert (ids(inner.train), ids(inner.test)) == (["e0000"], ["e0001"])


@pytest.mark.parametrize(
    ("protocol", "arguments"),
    [("first", {}), ("time", {"share": 0}), ("time", {"cut": datetime(2026, 5, 1)})],  # noqa: DTZ001
)
def test_wrong_usage_is_told(protocol: str, arguments: dict[str, Any]):
    with pytest.raises(UsageError):
        split(small_dataset([{}, {}]), protocol, **arguments)


def test_a_cut_that_leaves_nothing_to_learn_from_is_refused():
    with pytest.raises(InvalidDataset, match="nothing to learn from"):
        split(small_dataset([{}, {}]), "time", cut=datetime(2020, 1, 1, tzinfo=UTC))


def test_the_command_writes_two_data_set_folders(tmp_path: Path):
    save(small_dataset([{}, {}, {}]), tmp_path / "set")

    ran = run_data("split", tmp_path / "set", "--protocol", "last", "--out", tmp_path / "parts")

    assert ran.exit_code == 0, ran.err
    assert "1 choices held out" in ran.out
    assert ids(load(tmp_path / "parts" / "train")) == ["e0000", "e0001"]
    assert load(tmp_path / "parts" / "test").meta.part == "test of last"


def test_the_command_cuts_at_a_date_in_utc(tmp_path: Path):
    save(small_dataset([{}, {"occurred_at": START.replace(day=3)}]), tmp_path / "set")

    arguments = ("--protocol", "time", "--cut", "2026-05-02", "--out", tmp_path / "parts")
    ran = run_data("split", tmp_path / "set", *arguments)

    assert ran.exit_code == 0, ran.err
    assert ids(load(tmp_path / "parts" / "test")) == ["e0001"]


@pytest.mark.parametrize("protocol", ["none", "first"])
def test_a_protocol_that_splits_nothing_is_wrong_usage(tmp_path: Path, protocol: str):
    save(small_dataset([{}, {}]), tmp_path / "set")

    ran = run_data("split", tmp_path / "set", "--protocol", protocol, "--out", tmp_path / "parts")

    assert ran.exit_code == 2
    assert not (tmp_path / "parts").exists()
