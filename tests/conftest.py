"""Gives every test the marker of its folder; support code lives in tests/support."""

from pathlib import Path

import pytest

pytest_plugins = ["tests.support.datasets", "tests.support.servers"]

TESTS = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark `tests/<folder>/…` with `<folder>`; strict markers refuse a folder nobody declared."""
    for item in items:
        folder = item.path.relative_to(TESTS).parts[0]
        if folder == item.path.name:
            msg = f"{item.path.name} lies outside the folders that say what kind of test it is"
            raise pytest.UsageError(msg)
        item.add_marker(folder)
