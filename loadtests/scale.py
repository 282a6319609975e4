"""Model folders of any size in seconds, without training: for benches of what size costs.

Restaurants stand uniformly in a square of equal density, so that a radius holds as many of a thousand
as of a million. Tastes are random: such a model recommends nothing of worth, at the true price.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maitred.artifact import (
    DataSource,
    DinerRow,
    Generator,
    Manifest,
    Ranker,
    Segment,
    Verdict,
    save,
)
from maitred.artifact.folder import file_entries
from maitred.artifact.model import (
    Arrays,
    catalogue_arrays,
    diner_arrays,
    popularity_arrays,
    segment_arrays,
)
from maitred.artifact.segments import ANY, key
from maitred.catalogue import Catalogue, Columns
from maitred.catalogue.places import Places
from maitred.catalogue.tags import Tags
from maitred.catalogue.texts import Texts
from maitred.seeds import generator

__all__ = ["DENSITY_PER_KM2", "HERE", "WIDTH", "half_side_km", "write_model"]

WIDTH = 64
HERE = (48.8, 9.2)
"""The middle of the square, degrees."""
DENSITY_PER_KM2 = 40.0
NEIGHBOURS = 20
DINERS = 500
HISTORY = 10
_KM_PER_DEGREE = 111.195
_CUISINES = tuple(f"cuisine-{i:02}" for i in range(40))
_HOURS = np.array([[d * 1440 + 660, d * 1440 + 1380] for d in range(7)], dtype=np.int16)


def half_side_km(restaurants: int) -> float:
    """Return half of the side of the square that holds so many."""
    return float(np.sqrt(restaurants / DENSITY_PER_KM2) / 2)


def write_model(folder: Path, restaurants: int, *, seed: int = 7) -> str:
    """Write a clicks model of ``restaurants`` x 64 and 500 diners; return its version."""
    arrays = _arrays(restaurants, seed)
    manifest = Manifest(
        objective="clicks",
        model="scale",
        code="",
        data=DataSource(
            fingerprint="0" * 64,
            source="loadtests/scale.py",
            events=0,
            diners=DINERS,
            restaurants=restaurants,
            currency="EUR",
            assumed_values=True,
            until=None,
        ),
        parameters={},
        seed=seed,
        fitted_on="all",
        metrics={},
        generators=[
            Generator(name="own_history", limit=50),
            Generator(name="neighbours", limit=150),
            Generator(name="vectors", limit=100),
            Generator(name="popular", limit=50),
        ],
        ranker=Ranker(
            features=["vector", "neighbours", "own_recency", "known", "popularity"],
            weights=[1.0, 0.5, 1.0, 0.5, 0.2],
        ),
        default_weight=0.25,
        value_statement="a bench's",
        gates=Verdict(passed=True, champion=None, checks=[]),
        files=file_entries(arrays),
    )
    return save(folder, manifest, arrays)


def _arrays(n: int, seed: int) -> Arrays:
    rng = generator(seed, "scale", n)
    catalogue = _catalogue(n, rng)
    popularity = np.floor(1000.0 / (1.0 + rng.permutation(n))).astype(np.float32) + 1
    return {
        **catalogue_arrays(catalogue),
        "vectors": (rng.standard_normal((n, WIDTH), dtype=np.float32) / 8.0),
        "neighbours_indptr": np.arange(n + 1, dtype=np.int64) * NEIGHBOURS,
        "neighbours_items": rng.integers(0, n, n * NEIGHBOURS, dtype=np.int32),
        "neighbours_weights": rng.random(n * NEIGHBOURS, dtype=np.float32),
        "popularity": popularity,
        "choices": popularity,
        **popularity_arrays(popularity, popularity),
        "values": rng.integers(1000, 6000, n).astype(np.float32),
        **segment_arrays({key(ANY, ANY, ANY): Segment(np.arange(min(n, 500), dtype=np.int32),
                                                      np.zeros(min(n, 500), dtype=np.float32))}),
        **diner_arrays(_diners(n, rng), WIDTH),
    }  # fmt: skip


def _catalogue(n: int, rng: np.random.Generator) -> Catalogue:
    half = half_side_km(n)
    lats = HERE[0] + rng.uniform(-half, half, n) / _KM_PER_DEGREE
    stretch = _KM_PER_DEGREE * np.cos(np.radians(HERE[0]))
    lons = HERE[1] + rng.uniform(-half, half, n) / stretch
    names = [f"r{i:07}" for i in range(n)]
    none = Tags(np.zeros(n + 1, dtype=np.int64), np.empty(0, dtype=np.int32), ())
    return Catalogue(
        Columns(
            ids=Texts.of(names),
            names=Texts.of(names),
            coordinates=np.stack([lats, lons], axis=1),
            places=Places.of(lats, lons),
            prices=rng.integers(1, 5, n).astype(np.int8),
            worths=rng.integers(1000, 6000, n),
            commissions=_unknown(n),
            deliveries=_unknown(n),
            zones=np.zeros(n, dtype=np.int16),
            zone_names=("Europe/Berlin",),
            cuisines=Tags(
                np.arange(n + 1, dtype=np.int64),
                rng.integers(0, len(_CUISINES), n, dtype=np.int32),
                _CUISINES,
            ),
            attributes=none,
            openings_indptr=np.arange(n + 1, dtype=np.int64) * len(_HOURS),
            openings=np.tile(_HOURS, (n, 1)),
        )
    )


def _unknown(n: int) -> NDArray[np.float64]:
    return np.full(n, np.nan)


def _diners(n: int, rng: np.random.Generator) -> dict[str, DinerRow]:
    history = min(HISTORY, n)
    return {
        f"u{i:04}": DinerRow(
            rng.choice(n, history, replace=False).astype(np.int32),
            1.7e9 - 3600.0 * np.arange(history),
            np.ones(history, dtype=np.float32),
            rng.standard_normal(WIDTH, dtype=np.float32),
        )
        for i in range(DINERS)
    }
