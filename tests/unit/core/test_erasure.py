"""The key of tombstones: the one that is set, else one that is made once and kept."""

from pathlib import Path

from maitred.erasure import erasure_key
from maitred.settings import Settings


def test_the_key_that_is_set_is_taken_and_none_is_made(tmp_path: Path) -> None:
    settings = Settings.model_validate({"state_dir": tmp_path, "erasure_key": "ours"})

    assert erasure_key(settings) == "ours"
    assert not (tmp_path / "erasure.key").exists()


def test_a_key_that_nobody_set_is_made_once_for_its_owner(tmp_path: Path) -> None:
    settings = Settings.model_validate({"state_dir": tmp_path, "erasure_key": None})

    made = erasure_key(settings)

    assert made == erasure_key(settings)
    assert (tmp_path / "erasure.key").stat().st_mode & 0o777 == 0o600
