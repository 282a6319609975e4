"""The archive: once each, through a kill between any two steps of a flush, and while being read."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from maitred import archive
from maitred.archive.ledger import staged
from maitred.archive.rows import SCHEMA
from maitred.archive.scan import scan
from maitred.clock import ManualClock
from maitred.errors import Refused
from tests.support.archives import archive_of, arrivals, flush, order, wire, writing

IMPRESSION = {
    "items": [{"restaurant_id": "r1", "rank": 1, "propensity": 0.5}],
    "pool": [{"restaurant_id": "r1", "log_p": -1.5, "log_v": 2.0}],
    "policy": "plackett-luce",
    "rung": "personalised",
    "revenue_weight": 0.25,
    "seed": 2**64 - 1,
}


def impression(event_id: str) -> dict[str, object]:
    record = wire("impression", event_id, **IMPRESSION)
    return {name: value for name, value in record.items() if name != "restaurant_id"}


def parquet(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.parquet"))


def ids(folder: Path) -> list[str]:
    return sorted(archive.table(folder, traffic=None)["event_id"].to_pylist())


def reopen(folder: Path, clock: ManualClock | None = None) -> None:
    with writing(folder, clock):
        pass


def test_every_field_of_an_impression_comes_back(tmp_path: Path) -> None:
    archive_of(tmp_path, impression("i"))

    [row] = archive.table(tmp_path, kinds={"impression"}).to_pylist()

    assert {name: row[name] for name in IMPRESSION} == IMPRESSION
    assert (row["traffic"], row["consent"], row["log_offset"]) == ("live", True, 0)


def test_any_reader_of_parquet_can_take_the_folder(tmp_path: Path) -> None:
    archive_of(tmp_path, order("a"), wire("click", "b", traffic="load"), impression("c"))

    table = pq.read_table([str(path) for path in parquet(tmp_path)])

    assert table.schema.names == SCHEMA.names
    assert sorted(table["event_id"].to_pylist()) == ["a", "b", "c"]


def test_reading_names_traffic_kinds_and_time(tmp_path: Path) -> None:
    late = "2026-05-02T20:00:00+00:00"
    archive_of(
        tmp_path,
        wire("click", "a"),
        wire("click", "b", traffic="load"),
        order("c", occurred_at=late),
    )

    since = datetime(2026, 5, 2, tzinfo=UTC)

    assert archive.table(tmp_path)["event_id"].to_pylist() == ["a", "c"]
    assert archive.table(tmp_path, since=since)["event_id"].to_pylist() == ["c"]
    assert (
        archive.table(tmp_path, kinds={"click"}, traffic=None, columns=["event_id"]).num_rows == 2
    )
    assert archive.count(tmp_path, traffic={"load"}) == 1


def test_repetitions_are_left_out_across_flushes_and_restarts(tmp_path: Path) -> None:
    archive_of(tmp_path, wire("click", "a"), wire("click", "a"), wire("click", "b"))
    archive_of(tmp_path, wire("click", "b"), wire("click", "a", user_id="u2"))

    assert ids(tmp_path) == ["a", "a", "b"]
    assert archive.census(tmp_path).repeated == 0
    assert archive.census(tmp_path).left_out["duplicates"] == 2


def test_another_body_under_one_id_is_a_conflict_and_the_first_stays(tmp_path: Path) -> None:
    archive_of(tmp_path, wire("click", "a"))
    with writing(tmp_path) as writer:
        told = writer.sort(arrivals([wire("click", "a", restaurant_id="r2")], 1))

    assert [c.event_id for c in told.conflicts] == ["a"]
    assert told.fresh == []


def test_killed_before_the_ledger_changed_nothing_happened(tmp_path: Path) -> None:
    archive_of(tmp_path, wire("click", "a"))
    leftover = staged(tmp_path, "click/live/2026-05-01/part-0000000002.parquet")
    leftover.write_bytes(b"half a file")

    assert ids(tmp_path) == ["a"]
    reopen(tmp_path)

    assert not leftover.exists()
    assert ids(tmp_path) == ["a"]


def test_killed_after_the_ledger_changed_the_file_counts_and_is_moved_later(tmp_path: Path) -> None:
    archive_of(tmp_path, wire("click", "a"))
    [place] = parquet(tmp_path)
    place.rename(staged(tmp_path, place.relative_to(tmp_path).as_posix()))

    assert ids(tmp_path) == ["a"]  # read where it waits
    assert parquet(tmp_path) == []
    reopen(tmp_path)

    assert parquet(tmp_path) == [place]
    assert ids(tmp_path) == ["a"]


def test_offsets_move_with_the_data(tmp_path: Path) -> None:
    archive_of(tmp_path, wire("click", "a"), wire("click", "b"))

    with writing(tmp_path) as writer:
        assert writer.resume_at() == {0: 2}
    with writing(tmp_path, topic="another topic") as writer:
        assert writer.resume_at() == {}


def test_many_small_files_become_one_and_nothing_is_lost(tmp_path: Path) -> None:
    with writing(tmp_path) as writer:
        for number in range(64):
            flush(writer, [wire("click", f"e{number:02}")])
        merged = writer.merge_small_files()

        assert merged
        assert not writer.merge_small_files()
    assert len(parquet(tmp_path)) == 1
    assert ids(tmp_path) == [f"e{number:02}" for number in range(64)]


def test_a_file_of_some_size_is_left_alone_when_others_are_merged(tmp_path: Path) -> None:
    with writing(tmp_path) as writer:
        flush(writer, [wire("click", f"big{number}") for number in range(10_000)])
        [big] = parquet(tmp_path)
        for number in range(63):
            flush(writer, [wire("click", f"e{number:02}")])
        assert not writer.merge_small_files()
        flush(writer, [wire("click", "e63")])

        assert writer.merge_small_files()
    assert big in parquet(tmp_path)
    assert len(parquet(tmp_path)) == 2
    assert len(ids(tmp_path)) == 10_064


def test_files_that_somebody_reads_stay_until_nobody_does(tmp_path: Path) -> None:
    with writing(tmp_path) as writer:
        for number in range(64):
            flush(writer, [wire("click", f"e{number:02}")])
        rows = scan(tmp_path, traffic=None)
        read = [next(rows)]
        writer.merge_small_files()

        assert len(parquet(tmp_path)) == 65
        assert len(ids(tmp_path)) == 64  # for whoever begins now
        assert sum(map(len, [*read, *rows])) == 64  # for whoever was at it

        flush(writer, [])
        assert len(parquet(tmp_path)) == 1


def test_ids_are_forgotten_after_twice_the_days_but_those_of_replays_never(tmp_path: Path) -> None:
    clock = ManualClock()
    archive_of(tmp_path, wire("click", "a"), wire("click", "r", traffic="replay"), clock=clock)

    clock.advance(timedelta(days=15).total_seconds())
    with writing(tmp_path, clock) as writer:
        told = writer.sort(arrivals([wire("click", "a"), wire("click", "r", traffic="replay")], 2))

    assert [arrival.event_id for arrival in told.fresh] == ["a"]
    assert told.duplicates == 1


def test_one_archive_has_one_writer(tmp_path: Path) -> None:
    with (
        writing(tmp_path),
        pytest.raises(Refused, match="another process writes"),
        writing(tmp_path),
    ):
        pass


def test_an_archive_nobody_wrote_is_empty(tmp_path: Path) -> None:
    assert archive.table(tmp_path / "none").num_rows == 0
    assert archive.count(tmp_path / "none") == 0
    assert archive.where_are(tmp_path / "none", ["a"]) == {"a": 0}
