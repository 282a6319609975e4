"""Parquet files of other years: columns that were not there yet are null, unknown ones are passed over.

``golden/`` holds a file as this archiver wrote it in 2026. It stays as it is: every later version reads it.
"""

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from maitred import archive
from maitred.archive.ledger import ArchivedFile, Ledger
from maitred.archive.rows import SCHEMA
from maitred.errors import Refused
from tests.support.archives import archive_of, erase, flush, wire, writing

GOLDEN = Path(__file__).parent / "golden" / "columns-2026.parquet"
DAY = "2026-05-01"


def shelved(folder: Path, table: pa.Table, number: int = 1) -> None:
    """Put a file where the archiver would have, and into the ledger."""
    path = f"click/live/{DAY}/part-{number:010}.parquet"
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, folder / path)
    ledger = Ledger(folder)
    with ledger.transaction():
        ledger.add_files([ArchivedFile(path, "click", "live", DAY, len(table), is_placed=True)])
    ledger.close()


def test_the_file_of_2026_is_read_to_the_letter(tmp_path: Path) -> None:
    shelved(tmp_path, pq.read_table(GOLDEN))

    rows = archive.table(tmp_path).to_pylist()

    assert [row["event_id"] for row in rows] == ["a", "b", "i"]
    assert rows[1]["platform_revenue_minor"] == 450
    assert rows[2]["items"] == [{"restaurant_id": "r1", "rank": 1, "propensity": 0.5}]
    assert rows[2]["pool"] == [{"restaurant_id": "r1", "log_p": -1.5, "log_v": 2.0}]
    assert rows[0]["occurred_at"] == datetime(2026, 5, 1, 20, tzinfo=UTC)


def test_a_file_from_before_a_column_reads_as_nulls(tmp_path: Path) -> None:
    older = pq.read_table(GOLDEN).drop_columns(["revenue_weight", "items"])
    shelved(tmp_path, older)

    table = archive.table(tmp_path)

    assert table.schema == SCHEMA
    assert table["revenue_weight"].null_count == table["items"].null_count == 3
    assert archive.table(tmp_path, columns=["items"]).num_rows == 3


def test_columns_of_a_later_version_are_passed_over(tmp_path: Path) -> None:
    later = pq.read_table(GOLDEN).append_column("mood", pa.array(["good"] * 3))
    shelved(tmp_path, later)

    assert archive.table(tmp_path).schema == SCHEMA


def test_files_of_several_years_are_merged_and_erased_from_like_any_others(tmp_path: Path) -> None:
    golden = pq.read_table(GOLDEN)
    shelved(tmp_path, golden.drop_columns(["revenue_weight"]))
    shelved(tmp_path, golden.append_column("mood", pa.array(["good"] * 3)).slice(0, 0), number=2)
    with writing(tmp_path) as writer:
        flush(writer, [wire("click", f"n{number}", user_id="u2") for number in range(3)])
        for number in range(63):
            flush(writer, [wire("click", f"m{number}", user_id="u2")])
        assert writer.merge_small_files()

    archive_of(tmp_path, erase("e"))

    assert set(archive.table(tmp_path)["user_id"].to_pylist()) == {"u2"}
    assert archive.count(tmp_path) == 66


@pytest.mark.parametrize("name", ["user_id", "occurred_at"])
def test_a_file_without_what_every_event_has_is_refused_by_name(tmp_path: Path, name: str) -> None:
    shelved(tmp_path, pq.read_table(GOLDEN).drop_columns([name]))

    with pytest.raises(Refused, match=f"part-0000000001.parquet: column {name} is missing"):
        archive.table(tmp_path)


def test_a_column_of_another_type_is_refused_by_name(tmp_path: Path) -> None:
    golden = pq.read_table(GOLDEN)
    place = golden.schema.get_field_index("currency")
    words = pa.array([["USD"]] * 3)
    shelved(tmp_path, golden.set_column(place, "currency", words))

    with pytest.raises(Refused, match="column currency is not string"):
        archive.table(tmp_path)
