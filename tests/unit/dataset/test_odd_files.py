"""Files and mappings off the beaten path: other kinds, other places, other columns."""

import gzip
from pathlib import Path

import pandas as pd
import pytest

from tests.support.datasets import run_data
from tests.support.tables import GOOD, HEADER, MAPPING, import_tables
from training.dataset import load

TERMS = """
[restaurants]
file = "places.csv"
id = "id"
price = "price"
timezone = "zone"
avg_value = {column = "typical", unit = "major"}
commission_rate = "rate"
delivery_km = "reach"
"""


def test_a_kind_of_file_that_is_not_read_says_which_are(tmp_path: Path) -> None:
    mapping = MAPPING.replace("orders*.csv", "orders.xlsx")

    ran = import_tables(tmp_path, {"orders.xlsx": "PK"}, mapping)

    assert ran.exit_code == 2
    assert "only CSV, TSV, JSONL and Parquet are read" in ran.err


def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path: Path) -> None:
    mapping = MAPPING.replace("orders*.csv", "orders.parquet")

    ran = import_tables(tmp_path, {"orders.parquet": HEADER + GOOD}, mapping)

    assert ran.exit_code == 1
    assert "orders.parquet cannot be read" in ran.err


@pytest.mark.parametrize("pattern", ["/etc/passwd", "../*.csv"])
def test_files_outside_the_source_are_not_read(tmp_path: Path, pattern: str) -> None:
    ran = import_tables(tmp_path, {}, MAPPING.replace("orders*.csv", pattern))

    assert ran.exit_code == 2
    assert "must stay inside" in ran.err


def test_a_source_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text(MAPPING)
    where = ("--mapping", tmp_path / "m.toml", "--source", tmp_path / "nowhere")

    ran = run_data("import", *where, "--out", tmp_path / "out")

    assert ran.exit_code == 2
    assert "nowhere" in ran.err


@pytest.mark.parametrize(
    ("mapping", "named"),
    [
        ('schema = 1\n[source]\nreader = "table"\n', "[events] is missing"),
        (MAPPING.replace("[source]", '[source]\nreader = "entree"'), "only [source] is allowed"),
        (MAPPING.replace("[source]", '[source]\nencoding = "klingon"'), "klingon"),
        (MAPPING.replace('user_id = "customer"\n', ""), "events.0.user_id: Field required"),
        (
            MAPPING.replace('user_id = "customer"', "user_id = 7"),
            "events.0.user_id",
        ),
    ],
)
def test_a_mapping_that_does_not_hold_together_says_why(
    tmp_path: Path, mapping: str, named: str
) -> None:
    ran = import_tables(tmp_path, {"orders.csv": HEADER + GOOD}, mapping)

    assert ran.exit_code == 2
    assert named in ran.err


def test_a_mapping_that_is_not_there_names_those_that_ship(tmp_path: Path) -> None:
    arguments = ("--mapping", "etnree", "--source", tmp_path, "--out", tmp_path / "out")

    ran = run_data("import", *arguments)

    assert ran.exit_code == 2
    assert "one of ours: entree" in ran.err


def test_compressed_tables_are_read(tmp_path: Path) -> None:
    mapping = MAPPING.replace("orders*.csv", "orders.csv.gz")
    content = gzip.compress((HEADER + GOOD).encode())

    ran = import_tables(tmp_path, {"orders.csv.gz": content}, mapping)

    assert ran.json["dataset"]["counts"]["orders"] == 1


def test_restaurants_state_what_they_cost_pay_and_keep_as_time(tmp_path: Path) -> None:
    places = (
        "id,price,zone,typical,rate,reach\n"
        "r1,$$$,Asia/Tokyo,24.5,0.2,3.5\n"
        "r2,2,Mars/Base,0,1.5,-1\n"
    )

    ran = import_tables(
        tmp_path, {"orders.csv": HEADER + GOOD, "places.csv": places}, MAPPING + TERMS
    )

    one, two = load(tmp_path / "out").restaurants.to_dict("records")
    assert (one["price_level"], one["avg_value_minor"], one["commission_rate"]) == (3, 2450, 0.2)
    assert (one["timezone"], one["delivery_km"]) == ("Asia/Tokyo", 3.5)
    assert (two["price_level"], two["timezone"]) == (2, "Europe/Paris")
    assert pd.isna(two["avg_value_minor"])
    assert pd.isna(two["commission_rate"])
    blanked = ran.json["accounts"]["files"][0]["blanked_cells"]
    assert blanked == {
        "avg_value_minor": 1,
        "commission_rate": 1,
        "delivery_km": 1,
        "price_level": 0,
        "timezone": 1,
    }


def test_a_restaurant_that_comes_again_is_a_duplicate_or_quarantined(tmp_path: Path) -> None:
    rows = "r1,1,,1,0,2\n" * 2 + "r1,2,,1,0,2\n"
    places = "id,price,zone,typical,rate,reach\n" + rows

    ran = import_tables(
        tmp_path, {"orders.csv": HEADER + GOOD, "places.csv": places}, MAPPING + TERMS
    )

    account = ran.json["accounts"]["files"][0]
    assert (account["kept"], account["duplicates"]) == (1, 1)
    assert account["reasons"] == {"id stands twice with other content": 1}


def test_lists_and_whole_floats_of_a_parquet_file_keep_their_meaning(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    frame = pd.DataFrame(
        {"id": [7.0, None], "tags": [["thai", "late"], None], "kind": pd.Categorical(["a", "b"])}
    )
    frame.to_parquet(source / "places.parquet")
    places = '[restaurants]\nfile = "places.parquet"\nid = "id"\ncuisines = "tags"\n'
    orders = HEADER + GOOD.replace("r1", "7")

    ran = import_tables(
        tmp_path, {"orders.csv": orders}, MAPPING + places + 'features = ["kind"]\n'
    )

    [row] = load(tmp_path / "out").restaurants.to_dict("records")
    assert ran.json["accounts"]["files"][0]["reasons"] == {"missing restaurant id": 1}
    assert (row["restaurant_id"], row["cuisines"]) == ("7", ("thai", "late"))
    assert row["attributes"] == ("kind=a",)


def test_what_a_list_showed_is_kept_and_impossible_chances_are_left_empty(tmp_path: Path) -> None:
    mapping = MAPPING + 'request_id = "q"\nrank = "at"\npropensity = "p"\nweight = "w"\n'
    rows = f"q1,2,0.5,3,{GOOD}q2,0,1.5,-1,{GOOD}"

    ran = import_tables(tmp_path, {"orders.csv": "q,at,p,w," + HEADER + rows}, mapping)

    one, two = load(tmp_path / "out").events.to_dict("records")
    assert (one["request_id"], one["rank"], one["propensity"], one["weight"]) == ("q1", 2, 0.5, 3)
    assert pd.isna(two["rank"])
    assert pd.isna(two["propensity"])
    assert two["weight"] == 1.0
    blanked = ran.json["accounts"]["files"][0]["blanked_cells"]
    assert blanked == {"propensity": 1, "rank": 1, "weight": 1}
