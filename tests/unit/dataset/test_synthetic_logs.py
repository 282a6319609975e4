"""The synthetic city's log: the same for a seed, and honest about what was shown with what chance."""

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from maitred.city import City
from maitred.seeds import generator
from tests.support.datasets import run_data
from training.dataset import load
from training.dataset.synthetic import _logged_list

SMALL = ("--restaurants", 60, "--diners", 80, "--days", 7)
NOON = datetime(2025, 1, 8, 12, 30)  # noqa: DTZ001 - local time


def test_equal_seeds_give_equal_bytes_and_other_seeds_do_not(tmp_path: Path) -> None:
    for name, seed in (("one", 3), ("two", 3), ("other", 4)):
        assert run_data("synth", "--seed", seed, *SMALL, "--out", tmp_path / name).exit_code == 0

    for file in ("events.parquet", "restaurants.parquet", "dataset.json"):
        one, two, other = ((tmp_path / n / file).read_bytes() for n in ("one", "two", "other"))
        assert one == two
        assert one != other


def test_a_city_s_log_is_a_sound_data_set(tmp_path: Path) -> None:
    run_data("synth", "--seed", 3, *SMALL, "--out", tmp_path / "city")

    ran = run_data("validate", tmp_path / "city", "--json")

    assert ran.exit_code == 0
    assert [check["name"] for check in ran.json["checks"] if not check["passed"]] == []
    assert not load(tmp_path / "city").meta.assumed_values


@pytest.mark.parametrize("option", ["--restaurants", "--diners", "--days"])
def test_a_city_without_anybody_is_wrong_usage(tmp_path: Path, option: str) -> None:
    ran = run_data("synth", option, 0, "--out", tmp_path / "city")

    assert ran.exit_code == 2
    assert option in ran.err


def test_logged_propensities_are_the_frequencies_of_what_is_shown() -> None:
    city = City.generate(9, restaurants=12, diners=1)
    popularity = np.arange(1.0, 13.0) ** 2
    least = set(np.flatnonzero(city.catalogue.open_at(NOON))[:4].tolist())
    pool = int(city.catalogue.open_at(NOON).sum())
    rng = generator(1, "lists")

    lists = [_logged_list(city, NOON, popularity, rng) for _ in range(6_000)]

    # The mean of 1/p counts the restaurants that could have stood at a rank, whatever is above it:
    # after an unpopular first, when the uniform arm is likely at work, as anywhere else.
    weights = np.array([1 / propensities[:2] for _, propensities in lists])
    unpopular = np.array([int(shown[0]) in least for shown, _ in lists])
    assert weights.mean(axis=0) == pytest.approx([pool, pool - 1], rel=0.1)
    assert weights[unpopular, 1].mean() == pytest.approx(pool - 1, rel=0.1)
    assert unpopular.sum() > 300
