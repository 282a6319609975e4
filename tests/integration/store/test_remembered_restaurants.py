"""What a machine remembers of changed restaurants: the last that can be read, or nothing."""

import fcntl
import threading
from pathlib import Path

import pytest

from maitred.catalogue import NOTHING, Overlay, Restaurant
from maitred.store.catalogue import NOWHERE, Position
from maitred.store.remembered import Memory

HERE = Position("e", 7)
CHANGED = Overlay.of([Restaurant(restaurant_id="a", name="A", cuisines=("thai",))], {"gone"})


def kept(folder: Path) -> Path:
    Memory(folder).keep(HERE, CHANGED)
    (path,) = folder.glob("*.npz")
    return path


def test_what_was_kept_is_what_is_recalled(tmp_path: Path) -> None:
    kept(tmp_path)

    position, overlay = Memory(tmp_path).recall()

    assert position == HERE
    assert overlay.changed.restaurants[0].cuisines == ("thai",)
    assert overlay.gone == {"gone"}


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6, 0.9, 0.999])
def test_a_file_that_was_cut_short_is_nothing_nowhere(tmp_path: Path, share: float) -> None:
    path = kept(tmp_path)
    raw = path.read_bytes()

    path.write_bytes(raw[: int(len(raw) * share)])

    assert Memory(tmp_path).recall() == (NOWHERE, NOTHING)


def test_an_older_file_that_can_be_read_is_better_than_a_newer_one_that_cannot(
    tmp_path: Path,
) -> None:
    kept(tmp_path)
    (tmp_path / "e-8.npz").touch()

    assert Memory(tmp_path).recall()[0] == HERE


def test_a_name_whose_file_is_away_is_nothing_nowhere(tmp_path: Path) -> None:
    (tmp_path / "e-7.npz").symlink_to(tmp_path / "away")

    assert Memory(tmp_path).recall() == (NOWHERE, NOTHING)


def test_a_folder_that_cannot_be_is_nothing_nowhere(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert Memory(tmp_path / "file").recall() == (NOWHERE, NOTHING)


def test_whoever_recalls_waits_for_whoever_keeps(tmp_path: Path) -> None:
    kept(tmp_path)
    recalled: list[Position] = []
    reading = threading.Thread(target=lambda: recalled.append(Memory(tmp_path).recall()[0]))

    with (tmp_path / ".lock").open("w") as keeping:
        fcntl.flock(keeping, fcntl.LOCK_EX)
        reading.start()
        reading.join(0.2)
        early = list(recalled)
    reading.join(5)

    assert early == []
    assert recalled == [HERE]
