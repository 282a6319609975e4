"""A module over the limit is a sign of a missing concept; ruff holds functions to theirs."""

from tests.support.repository import ROOT, ROOT_PACKAGES, python_files

LINES = 300


def test_no_module_is_longer_than_a_thought() -> None:
    sizes = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in python_files(*ROOT_PACKAGES, "loadtests", "tests")
    }

    assert {name: size for name, size in sizes.items() if size > LINES} == {}
