"""A master's folder: its lock, its metrics, its record."""

from pathlib import Path

from services.web.folder import MasterRecord, ProgramFolder, Worker, find_master

RECORD = MasterRecord(
    pid=7,
    phase="rolling",
    workers=(Worker(8, ready=True), Worker(9, ready=False)),
    leaving=(6,),
    companions={"relay": 10},
    rolls=1,
    failures=2,
    reason="the kitchen is closed",
)


def test_two_masters_of_one_state_have_a_folder_each(tmp_path: Path) -> None:
    with (
        ProgramFolder.claim(tmp_path, "inference") as one,
        ProgramFolder.claim(tmp_path, "inference") as two,
        ProgramFolder.claim(tmp_path, "ingest") as other,
    ):
        names = [folder.root.name for folder in (one, two, other)]

    assert names == ["inference-0", "inference-1", "ingest-0"]


def test_a_folder_is_taken_over_without_the_metrics_of_its_last_master(tmp_path: Path) -> None:
    with ProgramFolder.claim(tmp_path, "inference") as before:
        (before.metrics / "counter_1.db").write_bytes(b"old")

    with ProgramFolder.claim(tmp_path, "inference") as after:
        left = list(after.metrics.iterdir())

    assert after == before
    assert left == []


def test_what_was_recorded_is_read_again(tmp_path: Path) -> None:
    with ProgramFolder.claim(tmp_path, "inference") as folder:
        folder.write(RECORD)

    assert folder.read() == RECORD


def test_a_record_that_is_not_ours_is_none(tmp_path: Path) -> None:
    with ProgramFolder.claim(tmp_path, "inference") as folder:
        missing = folder.read()
        (folder.root / "master.json").write_text('{"pid": 1, "workers": [3]}')

    assert missing is None
    assert folder.read() is None


def test_a_master_is_found_by_its_pid_among_others(tmp_path: Path) -> None:
    with (
        ProgramFolder.claim(tmp_path, "inference"),
        ProgramFolder.claim(tmp_path, "inference") as second,
    ):
        second.write(RECORD)

        found = find_master(tmp_path, "inference", 7)

    assert found == second
    assert find_master(tmp_path, "inference", 8) is None
    assert find_master(tmp_path, "ingest", 7) is None
