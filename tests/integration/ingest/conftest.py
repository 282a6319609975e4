"""Ingest behind a real socket; the log behind it is in memory and may go away."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.doors import Door, opened


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """One door for a whole file of tests that do not mind each other's events."""
    with opened(tmp_path_factory.mktemp("ingest"), max_bytes=1 << 20) as door:
        yield door


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    with opened(tmp_path) as door:
        yield door
