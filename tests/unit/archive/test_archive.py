"""The archive: once each, through a kill between any two steps of a flush, and while being read."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from maitred import archive
from maitred.archive.ledger import staged
from maitred.archive.rows import SCHEMA
from maitred.archive.writer import open_writer
from maitred.clock import ManualClock
from maitred.errors import Refused
from tests.support.archives import archive_of, arrivals, flush, order, wire

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
    with open_writer(folder, "t", clock=clock or ManualClock(), dedup_days=7):
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
    with open_writer(tmp_path, "t", clock=ManualClock(), dedup_days=7) as writer:
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

    with open_writer(tmp_path, "t", clock=ManualClock(), dedup_days=7) as writer:
        assert writer.resume_at() == {0: 2}
    with open_writer(tmp_path, "another topic", clock=ManualClock(), dedup_days=7) as writer:
        assert writer.resume_at() == {}


def test_many_small_files_become_one_and_nothing_is_lost(tmp_path: Path) -> None:
    with open_writer(tmp_path, "t", clock=ManualClock(), dedup_days=7) as writer:
        for number in range(64):
            flush(writer, [wire("click", f"e{number:02}")])
        merged = writer.merge_small_files()

        assert merged
        assert not writer.merge_small_files()
    assert len(parquet(tmp_path)) == 1
    assert ids(tmp_path) == [f"e{number:02}" for number in range(64)]


def test_a_file_of_some_size_is_left_alone_when_others_are_merged(tmp_path: Path) -> None:
    with open_writer(tmp_path, "t", clock=ManualClock(), dedup_days=7) as writer:
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


def test_a_merge_that_was_killed_half_way_is_finished_at_the_next_start(tmp_path: Path) -> None:
    with open_writer(tmp_path, "t", clock=ManualClock(), dedup_days=7) as writer:
        for number in range(64):
            flush(writer, [wire("click", f"e{number:02}")])
        old = {path: path.read_bytes() for path in parquet(tmp_path)}
        writer.merge_small_files()
    [merged] = parquet(tmp_path)
    merged.rename(staged(tmp_path, merged.relative_to(tmp_path).as_posix()))
    for path, content in old.items():
        path.write_bytes(content)

    assert len(ids(tmp_path)) == 64
    reopen(tmp_path)

    assert parquet(tmp_path) == [merged]
    assert len(ids(tmp_path)) == 64


def test_ids_are_forgotten_after_twice_the_days_but_those_of_replays_never(tmp_path: Path) -> None:
    clock = ManualClock()
    archive_of(tmp_path, wire("click", "a"), wire("click", "r", traffic="replay"), clock=clock)

    clock.advance(timedelta(days=15).total_seconds())
    with open_writer(tmp_path, "t", clock=clock, dedup_days=7) as writer:
        told = writer.sort(arrivals([wire("click", "a"), wire("click", "r", traffic="replay")], 2))

    assert [arrival.event_id for arrival in told.fresh] == ["a"]
    assert told.duplicates == 1


def test_one_archive_has_one_writer(tmp_path: Path) -> None:
    with (
        open_writer(tmp_path, "t", clock=ManualClock(), dedup_days=7),
        pytest.raises(Refused, match="another process writes"),
        open_writer(tmp_path, "t", clock=ManualClock(), dedup_days=7),
    ):
        pass


def test_an_archive_nobody_wrote_is_empty(tmp_path: Path) -> None:
    assert archive.table(tmp_path / "none").num_rows == 0
    assert archive.count(tmp_path / "none") == 0
    assert archive.where_are(tmp_path / "none", ["a"]) == {"a": 0}


def test_batches_say_the_same_as_a_table(tmp_path: Path) -> None:
    late = "2026-05-02T20:00:00+00:00"
    archive_of(tmp_path, *(wire("click", f"e{n}") for n in range(40)), order("c", occurred_at=late))
    archive_of(
        tmp_path, wire("click", "later", occurred_at=late), wire("click", "l", traffic="load")
    )
    columns = ["event_id", "user_id"]

    everything = list(archive.batches(tmp_path, columns))
    since = list(
        archive.batches(tmp_path, columns, kinds={"click"}, since=datetime(2026, 5, 2, tzinfo=UTC))
    )

    assert {tuple(batch.schema.names) for batch in everything} == {("event_id", "user_id")}
    found = sorted(name for batch in everything for name in batch["event_id"].to_pylist())
    assert found == sorted(archive.table(tmp_path)["event_id"].to_pylist())
    assert [name for batch in since for name in batch["event_id"].to_pylist()] == ["later"]
    assert archive.reached(tmp_path, "t") == {0: 43}


def test_batches_of_files_that_are_merged_meanwhile_come_once(tmp_path: Path) -> None:
    clock = ManualClock()
    with open_writer(tmp_path, "t", clock=clock, dedup_days=7) as writer:
        for day in range(2):
            for number in range(64):
                flush(writer, [wire("click", f"d{day}-{number:02}")])
            clock.advance(86_400)
        reading = archive.batches(tmp_path, ["event_id"])
        first = next(reading)
        while writer.merge_small_files():
            pass

        found = [name for batch in (first, *reading) for name in batch["event_id"].to_pylist()]

    assert len(parquet(tmp_path)) == 2
    assert sorted(found) == [f"d{day}-{number:02}" for day in range(2) for number in range(64)]


def test_nobody_has_archived_anything_yet(tmp_path: Path) -> None:
    assert list(archive.batches(tmp_path / "none", ["event_id"])) == []
    assert archive.reached(tmp_path / "none", "t") == {}
