"""``inference``: the service with one tiny model an objective, for tests that only ask; ``pair``: two of them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.inference import LiveInference, publish, serving
from tests.support.pair import Pair
from tests.support.servers import LiveValkey


@pytest.fixture
async def inference(valkey: LiveValkey, tmp_path: Path) -> AsyncIterator[LiveInference]:
    """Ready, both objectives promoted, impressions collected."""
    for objective in ("clicks", "revenue"):
        publish(valkey.url, tmp_path, objective)
    async with serving(tmp_path / "state", valkey.url) as live:
        yield live


@pytest.fixture
async def pair(valkey: LiveValkey, tmp_path: Path) -> AsyncIterator[Pair]:
    for objective in ("clicks", "revenue"):
        publish(valkey.url, tmp_path, objective)
    async with (
        serving(tmp_path / "a", valkey.url) as one,
        serving(tmp_path / "b", valkey.url) as other,
    ):
        yield Pair((one, other))
