"""Which files become one; and that neither writing, merging nor counting takes memory with their size."""

import json
import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from maitred.archive.compaction import ENOUGH_BYTES, FAN_IN, due
from maitred.archive.ledger import ArchivedFile
from tests.support.archiving import BATCH
from tests.support.repository import ROOT

TODAY, YESTERDAY = "2026-05-02", "2026-05-01"
MIB = 1024 * 1024


class Folder:
    """Files by size, as the writer would have them; a row is a kilobyte."""

    def __init__(self, sizes: list[int], date: str = TODAY) -> None:
        self.files = {self._file(n, size, date): size for n, size in enumerate(sizes)}
        self.number = len(sizes)
        self.date = date
        self.written = 0

    def _file(self, number: int, size: int, date: str) -> ArchivedFile:
        path = f"click/live/{date}/part-{number:010}.parquet"
        return ArchivedFile(path, "click", "live", date, max(1, size // 1024), is_placed=True)

    def due(self) -> list[ArchivedFile]:
        return due(self.files, {f.path: size for f, size in self.files.items()}, TODAY)

    def add(self, size: int) -> None:
        self.files[self._file(self.number, size, self.date)] = size
        self.number += 1
        self.written += size

    def merge(self) -> None:
        while some := self.due():
            assert len(some) > 1
            self.add(sum(self.files.pop(file) for file in some))


@given(st.lists(st.integers(1, 40 * MIB), max_size=80))
def test_a_day_that_is_over_is_one_file_or_files_of_enough(sizes: list[int]) -> None:
    folder = Folder(sizes, YESTERDAY)

    folder.merge()

    left = list(folder.files.values())
    assert sum(left) == sum(sizes)
    assert len(left) <= 1 or min(left) >= ENOUGH_BYTES


def test_a_file_of_enough_is_left_alone_unless_a_small_one_needs_it() -> None:
    assert Folder([ENOUGH_BYTES] * 9, YESTERDAY).due() == []
    assert [f.rows for f in Folder([20 * MIB, 17 * MIB, 1 * MIB], YESTERDAY).due()] == [
        1024,
        17 * 1024,
    ]


def test_while_a_day_runs_files_stay_few_and_bytes_are_written_few_times() -> None:
    for flush in (2 * 1024, 30 * 1024, 400 * 1024, 3 * MIB):
        folder, most = Folder([]), 0
        for _ in range(6000):
            folder.add(flush)
            folder.merge()
            most = max(most, sum(size < ENOUGH_BYTES for size in folder.files.values()))

        assert most < 4 * FAN_IN, flush
        assert folder.written / (6000 * flush) <= 4, flush


def test_folders_of_other_days_kinds_and_traffic_are_merged_apart() -> None:
    folder = Folder([1024] * (FAN_IN - 1))
    other = dict(Folder([1024] * 2, "2026-05-03").files.items())
    folder.files |= other

    assert folder.due() == []
    folder.add(1024)

    assert {file.date for file in folder.due()} == {TODAY}


def test_memory_does_not_grow_with_what_is_archived_merged_and_counted(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.support.archiving", str(tmp_path), "40"]

    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)

    found = json.loads(ran.stdout)
    assert found["rows"] == 40 * BATCH  # 136 MB of columns
    assert len(found["sizes"]) == 1
    assert found["grown"]["archived"] < 40
    assert found["grown"]["counted"] < 100
