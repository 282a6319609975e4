"""`maitred data extend`: what diners did since, as rows to train on."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from maitred.errors import InvalidDataset
from tests.support.archives import KEY, archive_of, erase, order, wire
from tests.support.datasets import Ran, run_data, small_dataset
from training.dataset.archive import extend
from training.dataset.erased import without_erased
from training.dataset.folder import Dataset, build, load, save

RATE = 0.1


@pytest.fixture
def base() -> Dataset:
    return small_dataset([{"event_id": "old", "user_id": "u1"}])


def values(dataset: Dataset) -> dict[str, object]:
    rows = dataset.events[["event_id", "value_minor"]].itertuples(index=False, name=None)
    return {name: None if pd.isna(value) else value for name, value in rows if name != "old"}


def test_traffic_that_was_not_named_leaves_the_fingerprint_as_it_was(
    base: Dataset, tmp_path: Path
) -> None:
    folder = archive_of(
        tmp_path / "archive", wire("click", "a", traffic="load"), order("b", traffic="simulated")
    )

    same = extend(base, folder, ["live", "replay"], commission_rate=RATE)

    assert same.meta.fingerprint == base.meta.fingerprint
    assert same.meta == base.meta


def test_named_traffic_is_added_with_what_it_was_worth(base: Dataset, tmp_path: Path) -> None:
    folder = archive_of(
        tmp_path / "archive",
        wire("click", "a"),
        order("b", platform_revenue_minor=450),
        order("c"),
        wire("dismiss", "d"),
        wire("click", "e", traffic="load"),
    )

    extended = extend(base, folder, ["live"], commission_rate=RATE)

    assert values(extended) == {"a": None, "b": 450, "c": 200, "d": None}
    assert extended.meta.fingerprint != base.meta.fingerprint
    assert extended.meta.assumption is not None
    assert "1 orders is assumed" in extended.meta.assumption


def test_events_that_the_data_set_has_already_are_not_added_again(
    base: Dataset, tmp_path: Path
) -> None:
    folder = archive_of(tmp_path / "archive", order("old"))

    same = extend(base, folder, ["live"], commission_rate=RATE)

    assert same.meta.fingerprint == base.meta.fingerprint


def test_diners_who_did_not_consent_teach_nothing(base: Dataset, tmp_path: Path) -> None:
    folder = archive_of(tmp_path / "archive", wire("click", "a", consent=False))

    assert extend(base, folder, ["live"], commission_rate=RATE) is base


@pytest.mark.parametrize(
    ("change", "worth"),
    [
        ({"change": "cancelled"}, 0),
        ({"change": "refunded", "platform_revenue_minor": 100}, 100),
        ({"change": "adjusted", "platform_revenue_minor": 300}, 300),
        ({"change": "adjusted", "basket_minor": 1000}, 100),
    ],
)
def test_an_order_is_worth_what_the_newest_word_on_it_says(
    base: Dataset, tmp_path: Path, change: dict[str, object], worth: int
) -> None:
    later = {"occurred_at": "2026-05-01T22:00:00+00:00", "order_id": "b"}
    folder = archive_of(
        tmp_path / "archive",
        order("b", platform_revenue_minor=450),
        wire(
            "order_changed", "x", **({"order_id": "b"} | {"change": "adjusted", "basket_minor": 1})
        ),
        wire("order_changed", "y", **(later | change)),
    )

    extended = extend(base, folder, ["live"], commission_rate=RATE)

    assert values(extended) == {"b": worth}


def test_mixed_currencies_are_refused_by_name(base: Dataset, tmp_path: Path) -> None:
    folder = archive_of(tmp_path / "archive", order("b", currency="EUR"))

    with pytest.raises(InvalidDataset, match="EUR, USD"):
        extend(base, folder, ["live"], commission_rate=RATE)


def test_an_order_without_currency_has_no_value(base: Dataset, tmp_path: Path) -> None:
    folder = archive_of(tmp_path / "archive", order("b", currency="XXX", basket_minor=0))

    extended = extend(base, folder, ["live"], commission_rate=RATE)

    assert values(extended) == {"b": None}
    assert extended.meta.currency == "USD"


def test_the_command_writes_a_data_set_that_says_where_it_comes_from(
    base: Dataset, tmp_path: Path
) -> None:
    save(base, tmp_path / "base")
    folder = archive_of(tmp_path / "archive", order("b", traffic="replay"))

    ran = run_data(
        "extend",
        tmp_path / "base",
        "--archive",
        folder,
        "--traffic",
        "live,replay",
        "--out",
        tmp_path / "more",
    )

    assert ran.exit_code == 0, ran.err
    assert "1 events of live, replay traffic added" in ran.out
    assert "live, replay" in load(tmp_path / "more").meta.source


def test_an_archive_that_nobody_wrote_adds_nothing(base: Dataset, tmp_path: Path) -> None:
    assert extend(base, tmp_path / "none", ["live"], commission_rate=RATE) is base


def extend_by_command(base: Dataset, home: Path, folder: Path, key: str = KEY) -> Ran:
    save(base, home / "base")
    folders = (home / "base", "--archive", folder, "--out", home / "more")
    return run_data("extend", *folders, MAITRED_ERASURE_KEY=key)


def test_rows_of_erased_diners_leave_the_base_up_to_the_time_of_the_erasure(tmp_path: Path) -> None:
    known = pd.DataFrame({"user_id": ["u1", "u2"], "region": ["north", "south"]})
    rows = [
        {"event_id": "before", "user_id": "u1", "occurred_at": pd.Timestamp("2026-05-01T19:00Z")},
        {"event_id": "same", "user_id": "u1", "occurred_at": pd.Timestamp("2026-05-01T20:00Z")},
        {"event_id": "back", "user_id": "u1", "occurred_at": pd.Timestamp("2026-05-01T21:00Z")},
        {"event_id": "other", "user_id": "u2", "occurred_at": pd.Timestamp("2026-05-01T19:00Z")},
    ]
    plain = small_dataset(rows)
    base = build(plain.events, plain.restaurants, known, source="a test")
    keyed = base.meta.model_copy(update={"pseudonym_key_fingerprint": "0123456789ab"})
    folder = archive_of(tmp_path / "archive", erase("e"))

    left = without_erased(replace(base, meta=keyed), folder, lambda: KEY)
    assert left.meta.pseudonym_key_fingerprint == "0123456789ab"
    ran = extend_by_command(base, tmp_path, folder)

    assert ran.exit_code == 0, ran.err
    assert "3 rows of erased diners left out" in ran.out
    left = load(tmp_path / "more")
    assert left.meta.erased == 3
    assert sorted(left.events["event_id"]) == ["back", "other"]
    assert left.users is not None
    assert list(left.users["user_id"]) == ["u2"]
    assert b"before" not in (tmp_path / "more" / "events.parquet").read_bytes()


def test_erasures_of_others_leave_the_data_set_as_it_is(base: Dataset, tmp_path: Path) -> None:
    folder = archive_of(tmp_path / "archive", erase("e", user_id="u9"))

    assert extend_by_command(base, tmp_path, folder).exit_code == 0
    assert load(tmp_path / "more").meta == base.meta


def test_a_key_that_made_none_of_the_tombstones_is_refused(base: Dataset, tmp_path: Path) -> None:
    folder = archive_of(tmp_path / "archive", erase("e"))

    ran = extend_by_command(base, tmp_path, folder, "another")

    assert ran.exit_code == 1
    assert "another erasure key" in ran.err
    assert "MAITRED_ERASURE_KEY" in ran.err
