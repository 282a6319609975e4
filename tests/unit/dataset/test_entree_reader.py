"""Odd lines of the Entree logs: each is kept or quarantined, with its line and a reason."""

from pathlib import Path

import pytest

from tests.support.datasets import Ran, run_data
from training.dataset import load

AT = "07/Sep/1996:12:17:05 "
GOOD = f"{AT}\thabc\t0\t1L\t2M\t3"
FEATURES = "125\tItalian\n161\tbelow $15\n169\tover $50\n174\tParking/Valet\n"
PLACES = "0000001\tUno\t125 161\n0000002\tDue\t174 169\n0000003\tTre\t125\n"


def read_entree(folder: Path, *lines: str, places: str = PLACES) -> Ran:
    source = folder / "source"
    (source / "session").mkdir(parents=True)
    (source / "restaurants").mkdir()
    (source / "session" / "session.1996-q3").write_text("\n".join(lines) + "\n")
    (source / "restaurants" / "chicago.txt").write_text(places)
    (source / "restaurants" / "features.txt").write_text(FEATURES)
    where = ("--mapping", "entree", "--source", source, "--out", folder / "out")
    return run_data("import", *where, "--json")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (f"{AT}\thabc\t0", "not a session: fewer than four fields, or no visitor"),
        (f"{AT}\t\t0\t1L\t2", "not a session: fewer than four fields, or no visitor"),
        ("07/Sep/96 12:17\thabc\t0\t1L\t2", "unreadable time"),
        (f"{AT}\thabc\t0\t1Z\t2", "unreadable restaurant number"),
        (f"{AT}\thabc\t0\t1L\t999", "unknown restaurant"),
        (f"{AT}\thabc\t0\t999L\t-1", "unknown restaurant"),
    ],
)
def test_a_line_that_is_no_session_is_quarantined(tmp_path: Path, line: str, reason: str) -> None:
    ran = read_entree(tmp_path, GOOD, line)

    sessions = ran.json["accounts"]["files"][1]
    assert (sessions["kept"], sessions["reasons"]) == (1, {reason: 1})
    assert sessions["examples"][reason][0]["line"] == 2


def test_a_session_without_an_end_is_browsing_only(tmp_path: Path) -> None:
    read_entree(tmp_path, f"{AT}\thabc\t0\t1L\t2M\t-1", GOOD)

    events = load(tmp_path / "out").events
    assert events["type"].tolist() == ["click", "click", "click", "click", "order"]


def test_spaces_around_a_restaurant_are_no_reason_to_lose_a_session(tmp_path: Path) -> None:
    ran = read_entree(tmp_path, f"{AT}\thabc\t0\t          1L\t2")

    assert ran.json["accounts"]["total"]["quarantined"] == 0


def test_equal_lines_are_two_sessions_because_the_log_has_no_ids(tmp_path: Path) -> None:
    ran = read_entree(tmp_path, GOOD, GOOD)

    assert ran.json["dataset"]["counts"]["orders"] == 2


def test_a_restaurant_without_a_price_band_is_valued_at_the_median_and_flagged(
    tmp_path: Path,
) -> None:
    read_entree(tmp_path, GOOD)

    one, two, three = load(tmp_path / "out").restaurants.to_dict("records")
    assert (one["price_level"], one["avg_value_minor"]) == (1, 1000)
    assert (two["price_level"], two["avg_value_minor"]) == (4, 6000)
    assert three["avg_value_minor"] == 3500
    assert "price band assumed" in three["attributes"]


def test_a_restaurant_line_with_an_unknown_feature_is_quarantined(tmp_path: Path) -> None:
    ran = read_entree(tmp_path, GOOD, places=PLACES + "0000004\tQuattro\t998\n")

    assert ran.json["accounts"]["files"][0]["reasons"] == {"unknown feature code": 1}


def test_a_folder_that_is_not_entree_is_wrong_usage(tmp_path: Path) -> None:
    ran = run_data("import", "--mapping", "entree", "--source", tmp_path, "--out", tmp_path / "out")

    assert ran.exit_code == 2
    assert "session.*" in ran.err


def test_only_entree_can_be_fetched(tmp_path: Path) -> None:
    ran = run_data("fetch", "yelp", "--out", tmp_path / "out")

    assert ran.exit_code == 2
    assert "entree" in ran.err
