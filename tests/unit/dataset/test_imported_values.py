"""What texts in strangers' tables mean: money, times, places, lists, kinds of files."""

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.support.tables import GOOD, HEADER, MAPPING, RESTAURANTS, import_tables, quarantined
from training.dataset import load


def test_restaurants_keep_what_is_readable_and_the_rest_is_counted(tmp_path: Path):
    places = (
        "id,name,lat,lon,price,tags,hours\n"
        "r1,Uno,45.1,4.8,low,pizza|bar,mon 18:00-02:00;tue 11:00-14:00\n"
        "r2,Due,95,4.8,cheap,,always\n"
    )

    ran = import_tables(
        tmp_path, {"orders.csv": HEADER + GOOD, "places.csv": places}, MAPPING + RESTAURANTS
    )

    one, two = load(tmp_path / "out").restaurants.to_dict("records")
    assert (one["lat"], one["price_level"], one["cuisines"]) == (45.1, 1, ("pizza", "bar"))
    assert one["hours"] == ("mon 18:00-02:00", "tue 11:00-14:00")
    assert one["attributes"] == ("price=low", "tags=pizza", "tags=bar")
    assert one["text"] == "Uno pizza|bar"
    assert pd.isna(two["lat"])
    assert pd.isna(two["price_level"])
    blanked = ran.json["accounts"]["files"][0]["blanked_cells"]
    assert blanked == {"hours": 1, "lat": 1, "lon": 0, "price_level": 1}


def test_money_becomes_minor_units_of_the_currency_and_times_become_utc(tmp_path: Path):
    ran = import_tables(tmp_path, {"orders.csv": HEADER + GOOD})

    event = load(tmp_path / "out").events.iloc[0]
    assert ran.exit_code == 0
    assert (event["value_minor"], event["currency"]) == (1250, "EUR")
    assert event["occurred_at"] == pd.Timestamp("2026-05-01T17:00:00Z")


@pytest.mark.parametrize(
    ("currency", "unit", "text", "minor"),
    [
        ("JPY", "major", "1250", 1250),
        ("KWD", "major", "1.25", 1250),
        ("USD", "minor", "1250", 1250),
    ],
)
def test_a_currency_knows_its_decimals(
    tmp_path: Path, currency: str, unit: str, text: str, minor: int
):
    mapping = MAPPING.replace("EUR", currency).replace('"major"', f'"{unit}"')

    import_tables(tmp_path, {"orders.csv": HEADER + GOOD.replace("12.50", text)}, mapping)

    assert load(tmp_path / "out").events["value_minor"].tolist() == [minor]


@pytest.mark.parametrize(
    ("rule", "text", "moment"),
    [
        ('"created"', "2026-05-01T19:00:00+02:00", "2026-05-01T17:00:00Z"),
        ('"created"', "2026-05-01 19:00", "2026-05-01T17:00:00Z"),
        ('"created"', "2026-05-01", "2026-04-30T22:00:00Z"),
        ('"created"', "2026-03-29 02:30", "2026-03-29T01:00:00Z"),  # never was: clocks went ahead
        ('"created"', "2025-10-26 02:30", "2025-10-26T00:30:00Z"),  # was twice: the first is meant
        ('{column = "created", format = "unix"}', "1777654800", "2026-05-01T17:00:00Z"),
        ('{column = "created", format = "unix_ms"}', "1777654800000", "2026-05-01T17:00:00Z"),
        (
            '{column = "created", format = "%Y-%m-%d %H:%M %z"}',
            "2026-05-01 19:00 +0200",
            "2026-05-01T17:00:00Z",
        ),
    ],
)
def test_times_are_read_as_the_mapping_says(tmp_path: Path, rule: str, text: str, moment: str):
    mapping = MAPPING.replace('{column = "created", format = "%d/%m/%Y %H:%M"}', rule)

    import_tables(
        tmp_path, {"orders.csv": HEADER + GOOD.replace("01/05/2026 19:00", text)}, mapping
    )

    assert load(tmp_path / "out").events["occurred_at"].tolist() == [pd.Timestamp(moment)]


def test_the_same_table_gives_the_same_fingerprint_in_every_kind_of_file(tmp_path: Path):
    rows = [
        {
            "id": f"e{i}",
            "customer": f"u{i % 2}",
            "vendor": "r1",
            "created": "2026-05-01T19:00Z",
            "total": i + 0.5,
            "status": "done",
        }
        for i in range(4)
    ]
    frame = pd.DataFrame(rows)
    parquet = tmp_path / "orders.parquet"
    frame.to_parquet(parquet)
    kinds = {
        "orders.csv": frame.to_csv(index=False).encode(),
        "orders.tsv": frame.to_csv(index=False, sep="\t").encode("utf-8-sig"),
        "orders.txt": frame.to_csv(index=False, sep=";").encode("utf-16"),
        "orders.jsonl": "\n".join(map(json.dumps, rows)).encode(),
        "orders.parquet": parquet.read_bytes(),
    }

    fingerprints = {}
    for name, content in kinds.items():
        mapping = MAPPING.replace("orders*.csv", name) + 'event_id = "id"\n'
        mapping = mapping.replace('{column = "created", format = "%d/%m/%Y %H:%M"}', '"created"')
        ran = import_tables(tmp_path, {name: content}, mapping)
        fingerprints[name] = ran.json["dataset"]["fingerprint"]

    assert len(set(fingerprints.values())) == 1, fingerprints


def test_text_that_is_not_utf_8_is_read_as_latin_1(tmp_path: Path):
    content = (HEADER + GOOD.replace("u1", "Zoë")).encode("latin-1")

    import_tables(tmp_path, {"orders.csv": content})

    assert load(tmp_path / "out").events["user_id"].tolist() == ["Zoë"]


def test_broken_json_lines_are_quarantined_one_by_one(tmp_path: Path):
    row = {
        "customer": "u1",
        "vendor": "r1",
        "created": "01/05/2026 19:00",
        "total": 1,
        "status": "done",
    }
    mapping = MAPPING.replace("orders*.csv", "orders.jsonl")

    import_tables(tmp_path, {"orders.jsonl": json.dumps(row) + "\n{oops\n[1]\n"}, mapping)

    assert quarantined(tmp_path, "orders.jsonl") == [(2, "not JSON"), (3, "not a JSON object")]


def test_diners_get_the_region_of_their_first_event(tmp_path: Path):
    mapping = MAPPING + 'region = "area"\n'
    rows = [GOOD, GOOD.replace("01/05", "02/05")]
    content = "area," + HEADER + "north," + rows[0] + "south," + rows[1]

    import_tables(tmp_path, {"orders.csv": content}, mapping)

    users = load(tmp_path / "out").users
    assert users is not None
    assert users[["user_id", "region"]].to_numpy().tolist() == [["u1", "north"]]


def test_sensitive_columns_are_kept_apart_from_features(tmp_path: Path):
    users = '[users]\nfile = "users.csv"\nid = "id"\nfeatures = ["plan"]\nsensitive = ["age"]\n'

    import_tables(
        tmp_path,
        {"orders.csv": HEADER + GOOD, "users.csv": "id,plan,age\nu1,gold,40\n"},
        MAPPING + users,
    )

    found = load(tmp_path / "out").users
    assert found is not None
    assert found["attributes"].tolist() == [("plan=gold",)]
    assert found["sensitive"].tolist() == [("age=40",)]


def test_several_tables_of_events_make_one_data_set(tmp_path: Path):
    head, tail = MAPPING.split("[events]")
    clicks = tail.replace("orders*", "clicks").replace(
        'value = {column = "total", unit = "major"}', ""
    )
    mapping = head + "[[events]]" + tail + "[[events]]" + clicks
    files = {"orders.csv": HEADER + GOOD, "clicks.csv": HEADER + GOOD.replace("done", "looked")}

    ran = import_tables(tmp_path, files, mapping)

    assert ran.json["dataset"]["counts"]["orders"] == 1
    assert ran.json["dataset"]["counts"]["clicks"] == 1
