"""Files of diners to recommend for: what is in them, and what is refused by name."""

from pathlib import Path

import pandas as pd
import pytest

from maitred.errors import InvalidInput, UsageError
from training.asked import Asked, read_users


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("some.txt", "u1\n\nu2\n"),
        ("some.csv", "user_id,lat,lon\nu1,,\nu2,,\n"),
        ("some.jsonl", '{"user_id": "u1"}\n\n{"user_id": "u2", "lat": null}\n'),
    ],
)
def test_diners_are_read_in_order_from_every_kind_of_file(
    tmp_path: Path, name: str, content: str
) -> None:
    (tmp_path / name).write_text(content)

    assert list(read_users(tmp_path / name)) == [Asked("u1"), Asked("u2")]


def test_the_edges_of_the_globe_are_places(tmp_path: Path) -> None:
    (tmp_path / "some.csv").write_text("user_id,lat,lon\nu1,-90,180\n")

    assert list(read_users(tmp_path / "some.csv")) == [Asked("u1", -90.0, 180.0)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("latin.txt", "Zoë\n"),
        ("latin.csv", "user_id\nZoë\n"),
        ("latin.jsonl", '{"user_id": "Zoë"}\n'),
    ],
)
def test_a_file_that_is_not_utf_8_is_named_and_told_how_to_be(
    tmp_path: Path, name: str, content: str
) -> None:
    (tmp_path / name).write_text(content, encoding="latin-1")

    with pytest.raises(InvalidInput, match=f"{name} is not UTF-8: byte 0xeb") as raised:
        list(read_users(tmp_path / name))

    assert "iconv" in str(raised.value.next_step)


@pytest.mark.parametrize(
    ("name", "content"), [("odd.parquet", "user_id\nu1\n"), ("odd.parquet", ""), ("odd.csv", "")]
)
def test_a_file_that_is_not_what_its_name_says_is_named(
    tmp_path: Path, name: str, content: str
) -> None:
    (tmp_path / name).write_text(content)

    with pytest.raises(InvalidInput, match=f"{name} cannot be read as {name[4:]}"):
        list(read_users(tmp_path / name))


def test_another_ending_says_which_are_read(tmp_path: Path) -> None:
    (tmp_path / "some.xlsx").touch()

    with pytest.raises(UsageError, match=r"\.txt, \.csv, \.jsonl or \.parquet"):
        list(read_users(tmp_path / "some.xlsx"))


@pytest.mark.parametrize("missing", [None, float("nan"), ""])
def test_a_row_of_nobody_is_named(tmp_path: Path, missing: object) -> None:
    frame = pd.DataFrame({"user_id": pd.Series(["u1", missing], dtype=object), "lat": [1.0, 2.0]})
    frame.to_parquet(tmp_path / "some.parquet")

    with pytest.raises(InvalidInput, match="row 2 of the diners cannot be read: it has no user_id"):
        list(read_users(tmp_path / "some.parquet"))


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ('{"user_id": null}', "no user_id"),
        ('{"user_id": "u", "lat": 90.5, "lon": 0}', "lat 90.5 is not between -90 and 90"),
        ('{"user_id": "u", "lat": 0, "lon": "-181"}', "lon -181 is not between -180 and 180"),
        ('{"user_id": "u", "lat": "inf", "lon": 0}', "lat inf"),
        ('{"user_id": "u", "lat": "north", "lon": 0}', "north"),
    ],
)
def test_a_value_outside_its_domain_is_named_with_its_row(
    tmp_path: Path, row: str, says: str
) -> None:
    (tmp_path / "some.jsonl").write_text(f'{{"user_id": "u1"}}\n{row}\n')

    with pytest.raises(InvalidInput, match="row 2 of the diners") as raised:
        list(read_users(tmp_path / "some.jsonl"))

    assert says in str(raised.value)
