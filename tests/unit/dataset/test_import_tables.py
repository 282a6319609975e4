"""Strangers' tables: what is refused, quarantined, repeated and kept by `maitred data import`."""

from pathlib import Path

import pytest

from tests.support.datasets import run_data
from tests.support.tables import GOOD, HEADER, MAPPING, RESTAURANTS, import_tables, quarantined
from training.dataset import load


def test_a_mapping_that_names_a_missing_column_lists_the_columns_there_are(tmp_path: Path):
    mapping = MAPPING.replace('"customer"', '"client"')

    ran = import_tables(tmp_path, {"orders.csv": HEADER + GOOD}, mapping)

    assert ran.exit_code == 2
    assert "user_id: no column 'client'" in ran.err
    assert "customer, vendor, created, total, status" in ran.err
    assert not (tmp_path / "out").exists()


def test_a_mapping_that_names_a_missing_file_lists_the_files_there_are(tmp_path: Path):
    ran = import_tables(tmp_path, {"sales.csv": HEADER + GOOD})

    assert ran.exit_code == 2
    assert "orders*.csv" in ran.err
    assert "sales.csv" in ran.err


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("type =", "kind =", "events.0.kind: there is no such key"),
        ('unit = "major"', 'unit = "cents"', "events.0.value.unit"),
        ('"EUR"', '"euro"', "source.currency"),
        ('"Europe/Paris"', '"Europe/Atlantis"', "Europe/Atlantis"),
        ("schema = 1", "schema = 2", "schema"),
        ('done = "order"', 'done = "bought"', "events.0.type.map.done"),
        ('currency = "EUR"', "", "currency"),
        ("schema = 1", "schema = ", "not TOML"),
    ],
)
def test_a_mapping_with_a_wrong_key_is_refused_by_its_name(
    tmp_path: Path, old: str, new: str, named: str
):
    mapping = MAPPING.replace(old, new)

    ran = import_tables(tmp_path, {"orders.csv": HEADER + GOOD}, mapping)

    assert ran.exit_code == 2
    assert named in ran.err


@pytest.mark.parametrize("content", ["", HEADER])
def test_an_empty_file_is_refused_by_its_name(tmp_path: Path, content: str):
    ran = import_tables(tmp_path, {"orders.csv": content})

    assert ran.exit_code == 1
    assert "orders.csv is empty" in ran.err


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",r1,01/05/2026 19:00,1,done", "missing user id"),
        ("u1, ,01/05/2026 19:00,1,done", "missing restaurant id"),
        ("u1,r1,,1,done", "missing time"),
        ("u1,r1,31/02/2026 19:00,1,done", "unreadable time"),
        ("u1,r1,01/05/2926 19:00,1,done", "time in the future"),
        ("u1,r1,01/05/2026 19:00,ten,done", "unreadable value"),
        ("u1,r1,01/05/2026 19:00,inf,done", "unreadable value"),
        ("u1,r1,01/05/2026 19:00,-1,done", "negative value"),
        ("u1,r1,01/05/2026 19:00,1,cancelled", "dropped by the mapping (status)"),
        ("u1,r1,01/05/2026 19:00,1,baked", "unmapped type (status)"),
        ("u1,r1,01/05/2026 19:00,1,", "missing type"),
        ("u1,r1,01/05/2026 19:00", "wrong number of fields"),
        ("u" * 129 + ",r1,01/05/2026 19:00,1,done", "user id over 128 characters"),
        ("", "blank line"),
    ],
)
def test_a_bad_row_goes_to_quarantine_with_its_line_and_one_reason(
    tmp_path: Path, row: str, reason: str
):
    ran = import_tables(tmp_path, {"orders.csv": HEADER + GOOD + row + "\n" + "u2" + GOOD[2:]})

    assert ran.exit_code == 0
    assert quarantined(tmp_path, "orders.csv") == [(3, reason)]
    assert ran.json["accounts"]["total"] == {
        "rows_read": 3,
        "kept": 2,
        "quarantined": 1,
        "duplicates": 0,
    }


def test_lines_are_counted_through_quoted_line_ends_and_broken_rows(tmp_path: Path):
    rows = '"u\n1",r1,01/05/2026 19:00,1,done\nbroken\nu2,r1,x,1,done\n\nu3,r1,y,1,done\n'

    import_tables(tmp_path, {"orders.csv": HEADER + GOOD + rows})

    lines = {line for line, _ in quarantined(tmp_path, "orders.csv")}
    assert lines == {5, 6, 7, 8}


def test_a_row_that_repeats_another_whole_row_is_an_exact_duplicate_across_files(tmp_path: Path):
    same, other = GOOD, GOOD.replace("12.50", "12.51")

    ran = import_tables(
        tmp_path,
        {
            "orders1.csv": HEADER + same + same + other,
            "orders2.csv": HEADER + same + "u9" + other[2:],
        },
    )

    assert [f["duplicates"] for f in ran.json["accounts"]["files"]] == [1, 1]
    assert ran.json["accounts"]["total"]["kept"] == 3


def test_an_event_id_that_comes_again_with_other_content_is_quarantined(tmp_path: Path):
    mapping = MAPPING + 'event_id = "id"\n'
    rows = f"1,{GOOD}1,{GOOD}1,{GOOD.replace('12.50', '99')}"

    ran = import_tables(tmp_path, {"orders.csv": "id," + HEADER + rows}, mapping)

    total = ran.json["accounts"]["total"]
    assert (total["kept"], total["duplicates"], total["quarantined"]) == (1, 1, 1)
    assert quarantined(tmp_path, "orders.csv") == [(4, "event id stands twice with other content")]


def test_events_of_restaurants_that_the_file_of_restaurants_lacks_are_quarantined(tmp_path: Path):
    places = "id,name,lat,lon,price,tags,hours\nr1,Uno,45,5,low,,\n"
    orders = HEADER + GOOD + GOOD.replace("r1", "r7")

    import_tables(tmp_path, {"orders.csv": orders, "places.csv": places}, MAPPING + RESTAURANTS)

    assert quarantined(tmp_path, "orders.csv") == [(3, "unknown restaurant")]


def test_nothing_fit_to_keep_is_refused_with_the_reasons(tmp_path: Path):
    ran = import_tables(tmp_path, {"orders.csv": HEADER + GOOD.replace("01/05", "41/05")})

    assert ran.exit_code == 1
    assert "unreadable time (1)" in ran.err


def test_the_report_for_people_names_reasons_examples_and_the_next_command(tmp_path: Path):
    import_tables(tmp_path, {"orders.csv": HEADER + GOOD + GOOD.replace("01/05", "41/05")})

    where = ("--mapping", tmp_path / "m.toml", "--source", tmp_path / "source")
    ran = run_data("import", *where, "--out", tmp_path / "out")

    assert "orders.csv: unreadable time: 1, such as line 3 (41/05/2026 19:00)" in ran.out
    assert f"next: maitred data validate {tmp_path / 'out'}" in ran.out


def test_a_folder_that_holds_something_else_is_replaced_only_when_forced(tmp_path: Path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("years of work")

    refused = import_tables(tmp_path, {"orders.csv": HEADER + GOOD})
    where = ("--mapping", tmp_path / "m.toml", "--source", tmp_path / "source")
    kept = (tmp_path / "out" / "thesis.txt").exists()
    forced = run_data("import", *where, "--out", tmp_path / "out", "--force")

    assert (refused.exit_code, kept) == (1, True)
    assert "nothing was written" in refused.err
    assert forced.exit_code == 0
    assert not (tmp_path / "out" / "thesis.txt").exists()


def test_columns_that_share_a_name_must_be_told_apart(tmp_path: Path) -> None:
    header = HEADER.replace("status", "customer")
    mapping = MAPPING.replace(
        'type = {column = "status", map = {done = "order", looked = "click"}, drop = ["cancelled"]}',
        'type = "order"',
    )

    refused = import_tables(tmp_path, {"orders.csv": header + GOOD}, mapping)
    told = mapping.replace('"customer"', '"customer (1)"')
    kept = import_tables(tmp_path, {"orders.csv": header + GOOD}, told)

    assert refused.exit_code == 2
    assert "customer (1), vendor, created, total, customer (2)" in refused.err
    assert kept.json["dataset"]["counts"]["orders"] == 1


def test_a_quoted_heading_may_hold_the_delimiter_and_ids_keep_their_zeros(tmp_path: Path) -> None:
    header = HEADER.replace("customer", '"customer, by id"')
    mapping = MAPPING.replace('"customer"', '"customer, by id"')

    import_tables(tmp_path, {"orders.csv": header + GOOD.replace("u1", "007")}, mapping)

    assert load(tmp_path / "out").events["user_id"].tolist() == ["007"]


def test_a_file_in_the_place_of_the_data_set_is_not_replaced_even_when_forced(
    tmp_path: Path,
) -> None:
    (tmp_path / "out").write_text("a thesis")

    ran = run_data("synth", "--days", 1, "--out", tmp_path / "out", "--force")

    assert ran.exit_code == 1
    assert (tmp_path / "out").read_text() == "a thesis"
