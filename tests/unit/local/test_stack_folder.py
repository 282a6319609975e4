"""The state folder: its record, its logs, its key and its lock."""

import stat
from pathlib import Path

import pytest

from maitred.errors import StackRefused
from services.local.folder import Entry, Record, StackFolder
from services.local.processes import Identity


def _entry() -> Entry:
    return Entry("127.0.0.1:9094", 9094, "kafka", "127.0.0.1:9094", pid=12, started="boot:3")


def test_a_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    folder = StackFolder.at(tmp_path)
    record = Record("running", Identity(11, "boot:2"), {"kafka": _entry()})

    folder.write(record)

    assert folder.read() == record


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema": 2}', '{"schema": 1}'])
def test_a_record_that_cannot_be_read_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "stack.json").write_text(content)

    assert StackFolder.at(tmp_path).read() is None


def test_three_old_logs_are_kept(tmp_path: Path) -> None:
    folder = StackFolder.at(tmp_path)

    for start in range(6):
        folder.rotate("kafka")
        folder.log("kafka").write_text(str(start))

    logs = {log.name: log.read_text() for log in folder.log("kafka").parent.iterdir()}
    assert logs == {"kafka.log": "5", "kafka.log.1": "4", "kafka.log.2": "3", "kafka.log.3": "2"}


def test_the_admin_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    folder = StackFolder.at(tmp_path)

    first, second = folder.admin_key(), folder.admin_key()

    assert first == second
    assert len(first) >= 32
    assert stat.S_IMODE((tmp_path / "admin.key").stat().st_mode) == 0o600


def test_a_held_folder_is_refused_with_the_urls_of_its_stack(tmp_path: Path) -> None:
    folder = StackFolder.at(tmp_path)
    folder.write(Record("running", Identity(11, "boot:2"), {"kafka": _entry()}))

    with folder.hold():
        assert folder.is_held()
        with pytest.raises(StackRefused, match=r"kafka  127\.0\.0\.1:9094"), folder.hold():
            pass

    assert not folder.is_held()
