"""Diners who asked to be forgotten: gone from every file, in the log's order, and counted apart."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from maitred import archive
from maitred.archive.ledger import STAGING, Ledger
from maitred.archive.scan import scan
from maitred.clock import ManualClock
from maitred.ids import tombstone
from services.consumers.archiver import ArchiveConsumer
from services.eventlog.port import Record
from tests.support.archives import KEY, archive_of, erase, flush, wire, writing

EARLIER, MOMENT, LATER = (f"2026-05-01T{hour}:00:00+00:00" for hour in (19, 20, 21))


def ids(folder: Path) -> list[str]:
    return sorted(archive.table(folder, traffic=None)["event_id"].to_pylist())


def erased_ids(folder: Path, names: str) -> str:
    return "".join(sorted(archive.erased_among(folder, names, KEY)))


def test_what_stands_before_the_erasure_goes_and_what_happened_after_it_counts(
    tmp_path: Path,
) -> None:
    archive_of(tmp_path, wire("click", "a"), wire("click", "b", user_id="u2"))
    archive_of(tmp_path, wire("click", "c", occurred_at=LATER), erase("e"),
               wire("click", "d", occurred_at=EARLIER), wire("click", "f", occurred_at=LATER))  # fmt: skip
    archive_of(tmp_path, wire("click", "g", occurred_at=MOMENT), wire("click", "h", user_id="u2"))

    assert ids(tmp_path) == ["b", "f", "h"]
    assert erased_ids(tmp_path, "abcdefgh") == "acdeg"
    assert archive.census(tmp_path).left_out["erased"] == 5


@pytest.mark.parametrize("name", ["a", "c", "d"])
def test_what_was_erased_does_not_come_back_when_it_is_repeated(tmp_path: Path, name: str) -> None:
    times = {"a": MOMENT, "c": LATER, "d": EARLIER}
    archive_of(tmp_path, wire("click", "a"), wire("click", "c", occurred_at=LATER))
    archive_of(tmp_path, erase("e"), wire("click", "d", occurred_at=EARLIER))

    archive_of(tmp_path, wire("click", name, occurred_at=times[name]), erase("e"))

    assert ids(tmp_path) == []
    assert archive.census(tmp_path).left_out["erased"] == 4
    assert archive.census(tmp_path).left_out["duplicates"] == 2
    assert len(archive.erasures(tmp_path)) == 1


def test_of_two_erasures_the_later_time_counts(tmp_path: Path) -> None:
    archive_of(tmp_path, erase("e", occurred_at=LATER), erase("f"))
    archive_of(tmp_path, wire("click", "a", occurred_at=MOMENT))

    assert ids(tmp_path) == []
    assert archive.erased(tmp_path) == {tombstone("u1", KEY): datetime.fromisoformat(LATER)}


def test_a_diner_who_came_back_may_go_again(tmp_path: Path) -> None:
    archive_of(tmp_path, wire("click", "a"), erase("e"))
    archive_of(tmp_path, wire("click", "b", occurred_at=LATER))
    assert ids(tmp_path) == ["b"]

    archive_of(tmp_path, erase("f", occurred_at="2026-05-01T22:00:00+00:00"))

    assert ids(tmp_path) == []
    assert [e.rows for e in archive.erasures(tmp_path)] == [0, 1]


def test_the_record_that_stays_says_how_much_went_and_not_who(tmp_path: Path) -> None:
    clock = ManualClock()
    archive_of(tmp_path, wire("click", "a"), wire("dismiss", "b"), clock=clock)
    archive_of(tmp_path, wire("click", "c", user_id="u2"), clock=clock)
    clock.advance(60)
    archive_of(tmp_path, erase("e"), clock=clock)

    [record] = archive.erasures(tmp_path)
    assert record == archive.Erasure(
        tombstone("u1", KEY), datetime.fromisoformat(MOMENT).astimezone(UTC), clock.now(),
        rows=2, files=2, topic="t", partition=0, offset=3,
    )  # fmt: skip
    with_name = [
        path for path in tmp_path.rglob("*") if path.is_file() and b"u1" in path.read_bytes()
    ]
    assert with_name == []


def test_only_files_that_hold_the_diner_are_written_anew(tmp_path: Path) -> None:
    archive_of(tmp_path, wire("click", "a"), wire("click", "b", user_id="u2"))
    archive_of(tmp_path, wire("click", "c", user_id="u2"))
    kept = tmp_path / archive.files(tmp_path)[1].path
    before = kept.stat().st_mtime_ns

    archive_of(tmp_path, erase("e"))

    paths = [file.path for file in archive.files(tmp_path)]
    assert kept.relative_to(tmp_path).as_posix() in paths
    assert kept.stat().st_mtime_ns == before
    assert sorted(path.name for path in tmp_path.rglob("*.parquet")) == sorted(
        Path(path).name for path in paths
    )
    assert list((tmp_path / STAGING).iterdir()) == []


def test_many_diners_of_one_flush_leave_in_one_pass(tmp_path: Path) -> None:
    users = [f"diner{number}" for number in range(50)]
    archive_of(tmp_path, *(wire("click", user, user_id=user) for user in [*users, "stays"]))

    archive_of(tmp_path, *(erase(f"e{user}", user_id=user) for user in users))

    assert ids(tmp_path) == ["stays"]
    assert {(record.rows, record.files) for record in archive.erasures(tmp_path)} == {(1, 1)}
    assert archive.files(tmp_path)[0].path.endswith("part-0000000002.parquet")


def test_a_reader_who_holds_a_file_keeps_it_until_the_next_flush(tmp_path: Path) -> None:
    archive_of(tmp_path, wire("click", "a"))
    with writing(tmp_path) as writer:
        rows = scan(tmp_path, traffic=None)
        next(rows)
        flush(writer, [erase("e")])
        assert len(list(tmp_path.rglob("*.parquet"))) == 1
        assert ids(tmp_path) == []

        rows.close()
        writer.merge_small_files()

        assert list(tmp_path.rglob("*.parquet")) == []


def test_an_archive_from_before_erasures_can_be_read_and_erased_from(tmp_path: Path) -> None:
    archive_of(tmp_path, wire("click", "a"))
    ledger = Ledger(tmp_path)
    ledger._db.executescript("DROP TABLE erasures; DROP TABLE erased;")
    ledger.close()

    assert archive.erased(tmp_path) == {}
    assert archive.erasures(tmp_path) == []
    assert archive.erased_among(tmp_path, ["a"], KEY) == set()
    archive_of(tmp_path, erase("e"))

    assert ids(tmp_path) == []


class Spoken:
    """Remembers, in order, what was buried and who was to be forgotten."""

    def __init__(self) -> None:
        self.said: list[object] = []

    def bury(self, letters: list[tuple[Record, str]]) -> None:
        self.said.append([record.value for record, _ in letters])

    def forget(self, users: set[str]) -> None:
        self.said.append(users)


def test_dead_letters_are_gone_through_after_burying_and_before_offsets_move(
    tmp_path: Path,
) -> None:
    clock, spoken = ManualClock(), Spoken()
    records = [
        Record("t", 0, number, "u1", value)
        for number, value in enumerate([b"no event", *map(orjson.dumps, [wire("click", "a"), erase("e")])])
    ]  # fmt: skip
    with writing(tmp_path, clock) as writer:
        consumer = ArchiveConsumer(writer, spoken, clock=clock, forget=spoken.forget)
        consumer.take(records)
        outcome = consumer.finish()

        assert spoken.said == [[b"no event"], {"u1"}]
        assert (outcome.applied, outcome.skipped, outcome.dead) == (1, 1, 1)
        assert consumer.resume_at() == {0: 3}


def test_the_day_that_is_over_is_compacted_though_nothing_comes(tmp_path: Path) -> None:
    clock, spoken = ManualClock(), Spoken()
    with writing(tmp_path, clock) as writer:
        flush(writer, [wire("click", "a")])
        flush(writer, [wire("click", "b")])
        consumer = ArchiveConsumer(writer, spoken, clock=clock)
        clock.advance(timedelta(days=1).total_seconds())

        consumer.take([])

        assert [file.rows for file in archive.files(tmp_path)] == [2]
