"""Data sets for tests: Entree as it stands on this machine, and small ones written out by hand."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from maitred.cli import build as command_line
from maitred.settings import load as load_settings
from training.dataset import Dataset, build, load
from training.dataset.fetch import find_entree, search_path

__all__ = ["Ran", "entree", "entree_files", "events_frame", "run_data", "small_dataset"]

START = pd.Timestamp("2026-05-01T18:00:00Z")


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command printed and how it ended."""

    exit_code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever JSON holds
        """Standard output, parsed."""
        return json.loads(self.out)


def run_data(*arguments: object, **environment: str) -> Ran:
    """Run `maitred data …` through the door that people use."""
    result = CliRunner(env=environment).invoke(command_line(), ["data", *map(str, arguments)])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Ran(result.exit_code, result.stdout, result.stderr)


def events_frame(rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    """Return events: what a row leaves out is an order of 10.00 USD, one minute after the last."""
    filled = [
        {
            "event_id": f"e{i:04}",
            "user_id": "u1",
            "restaurant_id": "r1",
            "type": "order",
            "occurred_at": START + pd.Timedelta(minutes=i),
            "value_minor": 1000,
            "currency": "USD",
            "weight": 1.0,
            **row,
        }
        for i, row in enumerate(rows)
    ]
    return pd.DataFrame(filled)


def small_dataset(rows: Sequence[Mapping[str, object]], **restaurants: object) -> Dataset:
    """Return a data set of these events; `restaurants` are columns of its restaurants."""
    frame = pd.DataFrame(restaurants or {"restaurant_id": ["r1", "r2", "r3"]})
    return build(events_frame(rows), frame, None, source="a test")


@pytest.fixture(scope="session")
def entree_files() -> Path:
    """Return the raw Entree set; a test that needs it fails where it cannot be found."""
    places = search_path(load_settings().data_dir)
    found = find_entree(places)
    if found is None:
        looked = ", ".join(str(place.resolve()) for place in places)
        pytest.fail(f"the Entree set is not on this machine; looked in {looked}")
    return found


@pytest.fixture(scope="session")
def entree(entree_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Return Entree, imported with the mapping that ships."""
    out = tmp_path_factory.mktemp("datasets") / "entree"
    ran = run_data("import", "--mapping", "entree", "--source", entree_files, "--out", out)
    assert ran.exit_code == 0, ran.err
    return load(out)
