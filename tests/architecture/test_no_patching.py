"""Clock, randomness, transport and storage come in as arguments; nothing is patched in."""

from pathlib import Path

import pytest

from tests.support.patching import patches
from tests.support.repository import ROOT, python_files


def test_no_test_patches_what_it_could_pass_in() -> None:
    found = {
        str(path.relative_to(ROOT)): patches(
            path.read_text(encoding="utf-8"), settings_test=is_settings_test(path)
        )
        for path in python_files("tests", "loadtests")
    }

    assert {name: what for name, what in found.items() if what} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import unittest.mock",
        "from unittest import mock",
        "from unittest.mock import patch",
        "import pytest_mock",
        "def test(mocker): mocker.patch('x')",
        "def test(monkeypatch): monkeypatch.setattr('x', 1)",
        "def test(monkeypatch): monkeypatch.setitem({}, 'x', 1)",
        "def test(monkeypatch): monkeypatch.setenv('X', '1')",
        "with pytest.MonkeyPatch.context() as p: p.setattr('x', 1)",
    ],
)
def test_patching_is_recognised(source: str) -> None:
    assert patches(source)


def test_only_settings_tests_may_set_the_environment() -> None:
    source = "def test(monkeypatch): monkeypatch.setenv('X', '1')"

    assert patches(source, settings_test=True) == []
    assert patches(source, settings_test=False) == ["1: monkeypatch.setenv"]


def is_settings_test(path: Path) -> bool:
    return path.name == "test_settings.py"
