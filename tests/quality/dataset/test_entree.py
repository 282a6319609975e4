"""Entree as it is published: every session accounted for, and the known numbers of its protocol."""

import shutil
from itertools import islice
from pathlib import Path

import pandas as pd
import pytest

from maitred.errors import Refused
from tests.support.datasets import run_data
from training.dataset import Dataset, catalogue_of, split
from training.dataset.fetch import find_entree
from training.dataset.sources.entree import BAND_VALUES_MINOR

DINERS, NEW = 8_555, 7_045
SESSIONS, RESTAURANTS = 50_672, 676


def test_every_session_and_restaurant_is_accounted_for(entree_files: Path, tmp_path: Path) -> None:
    out = tmp_path / "entree"

    ran = run_data(
        "import", "--mapping", "entree", "--source", entree_files, "--out", out, "--json"
    )

    total = ran.json["accounts"]["total"]
    assert total["rows_read"] == SESSIONS + RESTAURANTS
    assert total["rows_read"] == total["kept"] + total["quarantined"] + total["duplicates"]
    assert total["quarantined"] == 0


def test_protocol_last_holds_out_the_known_numbers_of_diners(entree: Dataset) -> None:
    parts = split(entree, "last")

    assert len(parts.test.events) == parts.test.events["user_id"].nunique() == DINERS
    assert int(parts.is_new.sum()) == NEW


def test_nothing_of_the_held_out_session_or_after_it_is_learned_from(entree: Dataset) -> None:
    parts = split(entree, "last")

    held = parts.test.events.set_index("user_id")
    latest = parts.train.events.groupby("user_id")["event_id"].max()
    train_sessions = set(parts.train.events["request_id"])
    assert not train_sessions & set(held["request_id"])
    times = parts.train.events.groupby("user_id")["occurred_at"].max().reindex(held.index)
    assert (times <= held["occurred_at"]).all()
    assert latest.reindex(held.index).notna().all()


def test_popularity_reaches_its_known_hit_rate_on_new_restaurants(entree: Dataset) -> None:
    parts = split(entree, "last")
    train = parts.train.events

    diners = train.groupby("restaurant_id")["user_id"].nunique()
    ranked = diners.sort_values(ascending=False, kind="stable").index
    known = train.groupby("user_id")["restaurant_id"].agg(set)
    new = parts.test.events[parts.is_new]
    hits = [
        row.restaurant_id in islice((r for r in ranked if r not in known[row.user_id]), 10)
        for row in new.itertuples()
    ]

    assert sum(hits) / len(hits) == pytest.approx(0.083, abs=0.003)


def test_a_session_can_be_found_again_in_its_order(entree: Dataset) -> None:
    session = entree.events[entree.events["request_id"] == "1996-q3-00208"]

    assert session["type"].tolist() == ["click"] * 4 + ["order"]
    assert session["restaurant_id"].tolist() == ["606"] * 4 + ["44"]
    assert len(set(session["user_id"])) == 1


def test_chicago_time_became_utc(entree: Dataset) -> None:
    first = entree.events[entree.events["request_id"] == "1996-q3-00001"].iloc[0]

    assert first["occurred_at"] == pd.Timestamp("1996-09-07T12:17:05", tz="America/Chicago")


def test_only_choices_have_a_value_and_it_is_their_price_band_s(entree: Dataset) -> None:
    level = entree.restaurants.set_index("restaurant_id")["price_level"]
    orders = entree.choices

    values = orders["restaurant_id"].map(level).map(BAND_VALUES_MINOR).to_numpy()
    assert (orders["value_minor"].to_numpy() == values).all()
    assert entree.events.loc[entree.events["type"] == "click", "value_minor"].isna().all()
    assert entree.meta.assumed_values
    assert "assumption" in (entree.meta.assumption or "")


def test_restaurants_carry_cuisines_price_and_readable_attributes(entree: Dataset) -> None:
    catalogue = catalogue_of(entree)

    morton = catalogue.restaurants[catalogue.index["10"]]
    assert morton.name == "Morton's of Chicago"
    assert (morton.cuisines, morton.price_level) == (("Steakhouses",), 3)
    assert "Excellent Decor" in morton.attributes
    assert len(catalogue) == RESTAURANTS


def test_fetching_twice_gives_the_same_bytes(entree_files: Path, tmp_path: Path) -> None:
    assert entree_files

    for name in ("one", "two"):
        assert run_data("fetch", "entree", "--out", tmp_path / name).exit_code == 0

    files = [p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*") if p.is_file()]
    assert len(files) >= 4
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_a_file_with_one_byte_changed_is_refused_by_its_name(
    entree_files: Path, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(entree_files, tmp_path / "entree-chicago"))
    victim = copy / "session" / "session.1997-q1"
    victim.chmod(0o644)
    victim.write_bytes(victim.read_bytes().replace(b"1997", b"1998", 1))

    with pytest.raises(Refused, match=r"session/session\.1997-q1: has another sha256"):
        find_entree([copy])
