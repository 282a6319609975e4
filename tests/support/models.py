"""Tiny valid models, made without a training library, for tests of everything around a model.

Twelve restaurants in Chicago: one closed on Mondays, one open over midnight, one without a place
and without hours. Diners ``u0`` … ``u5`` have a history and vectors; ``nobody`` has none.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maitred import geo
from maitred.artifact import (
    Check,
    DataSource,
    DinerRow,
    Generator,
    Manifest,
    Model,
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
from maitred.catalogue import Catalogue, Restaurant, parse_hours
from maitred.ids import key_fingerprint
from maitred.seeds import generator

RESTAURANTS = 12
DINERS = 6
WIDTH = 6
CUISINES = ("italian", "thai", "diner")
LAT, LON = 41.88, -87.63
HISTORY_ENDS = datetime(2026, 4, 30, 20, 0, tzinfo=UTC).timestamp()
PASSED = Verdict(passed=True, champion=None, checks=[])


def tiny_catalogue() -> Catalogue:
    """Restaurants ``r00`` … ``r11``; ``r11`` is one of which nothing is known."""
    daily = parse_hours(
        f"{day} 11:00-22:00" for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    )
    late = parse_hours(f"{day} 18:00-02:00" for day in ("thu", "fri", "sat"))
    hours = {1: tuple(o for o in daily if o.opens >= 24 * 60), 2: late}
    known = [
        Restaurant(
            f"r{i:02}",
            name=f"Restaurant {i}",
            lat=LAT + 0.004 * i,
            lon=LON - 0.004 * i,
            cuisines=(CUISINES[i % 3],),
            price_level=1 + i % 4,
            avg_value_minor=(1000, 2250, 4000, 6000)[i % 4],
            hours=hours.get(i, daily),
            timezone="America/Chicago",
            attributes=("patio",) if i % 2 else (),
        )
        for i in range(RESTAURANTS - 1)
    ]
    return Catalogue.of((*known, Restaurant(f"r{RESTAURANTS - 1:02}")))


def tiny_diners(seed: int) -> dict[str, DinerRow]:
    """Rows of ``u0`` … ``u5``; diner i's most recent restaurant is ``r{i}``."""
    rng = generator(seed, "diners")
    rows = {}
    for i in range(DINERS):
        items = np.array([i, (i + 3) % RESTAURANTS, (i + 7) % RESTAURANTS], dtype=np.int32)
        at = HISTORY_ENDS - 86400.0 * np.arange(items.size)
        vector = rng.normal(size=WIDTH).astype(np.float32)
        rows[f"u{i}"] = DinerRow(items, at, np.array([2, 1, 0], dtype=np.float32), vector)
    return rows


def tiny_arrays(seed: int = 1) -> Arrays:
    """Every array of an artefact."""
    everything = np.arange(RESTAURANTS, dtype=np.int32)
    here = geo.area(LAT, LON)
    return made_arrays(
        tiny_catalogue(),
        near=(everything[:, None] + np.array([1, 2, 3], dtype=np.int32)) % RESTAURANTS,
        popularity=everything[::-1].astype(np.float32) * 10 + 10,
        groups={key(here, ANY, ANY): everything[::2], key(here, "dinner", ANY): everything[:4]},
        seed=seed,
        rng=generator(seed, "model"),
    )


def made_arrays(
    catalogue: Catalogue,
    *,
    near: NDArray[np.int32],
    popularity: NDArray[np.float32],
    groups: Mapping[str, NDArray[np.int32]],
    seed: int,
    rng: np.random.Generator,
) -> Arrays:
    """Every array of an artefact of these restaurants, with the diners of :func:`tiny_diners`.

    ``near`` holds the rows of each restaurant's neighbours; ``groups`` are segments beside those of
    everything and of each cuisine.
    """
    rows, width = near.shape
    everything = np.arange(rows, dtype=np.int32)
    by_cuisine = {
        key(ANY, ANY, cuisine): everything[mask]
        for cuisine, mask in catalogue.cuisine_masks.items()
    }
    segments = {
        name: Segment(items, np.log(1.0 / (1.0 + np.arange(items.size))).astype(np.float32))
        for name, items in {key(ANY, ANY, ANY): everything, **by_cuisine, **groups}.items()
    }
    return {
        **catalogue_arrays(catalogue),
        "vectors": rng.normal(size=(rows, WIDTH)).astype(np.float32),
        "neighbours_indptr": np.arange(rows + 1, dtype=np.int64) * width,
        "neighbours_items": near.ravel(),
        "neighbours_weights": rng.uniform(0.1, 1.0, size=near.size).astype(np.float32),
        "popularity": popularity,
        "choices": popularity / 2,
        **popularity_arrays(popularity, popularity / 2),
        "values": np.array([r.avg_value_minor or 2000 for r in catalogue.restaurants], np.float32),
        **segment_arrays(segments),
        **diner_arrays(tiny_diners(seed), WIDTH),
    }


def made_manifest(arrays: Arrays, *, objective: str = "clicks", seed: int = 1) -> Manifest:
    """Return the manifest of these arrays, its counts theirs; gates passed, no champion."""
    weights = {
        "vector": 0.5,
        "neighbours": 1.0,
        "own_recency": 1.5,
        "own_choices": 0.5,
        "known": 0.25,
        "popularity": 0.2,
        "choices": 0.1,
    } | ({"value": 0.8} if objective == "revenue" else {})
    return Manifest(
        objective=objective,  # type: ignore[arg-type]
        model="tiny",
        code="test",
        data=DataSource(
            fingerprint="0" * 64,
            source="tests/support/models.py",
            events=arrays["diners_items"].size,
            diners=len(arrays["diners_vectors"]),
            restaurants=arrays["popularity"].size,
            currency="USD",
            assumed_values=True,
            until=datetime.fromtimestamp(HISTORY_ENDS, UTC).isoformat(),
        ),
        parameters={},
        seed=seed,
        fitted_on="all",
        metrics={"all": {"hit_rate_10": [0.5, 0.4, 0.6], "ndcg_10": [0.3, 0.2, 0.4]}},
        generators=[
            Generator(name="own_history", limit=50),
            Generator(name="neighbours", limit=100),
            Generator(name="vectors", limit=100),
            Generator(name="popular", limit=100),
        ],
        ranker=Ranker(features=list(weights), weights=list(weights.values())),  # type: ignore[arg-type]
        default_weight=0.25,
        value_statement="a test's",
        gates=Verdict(
            passed=True,
            champion=None,
            checks=[Check(name="sound", value=None, limit=None, passed=True, reason="it is")],
        ),
        files=file_entries(arrays),
    )


def said_by(model: Model, item: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """What a visit of a restaurant says of others: their rows, and the weights."""
    span = slice(model.neighbours_indptr[item], model.neighbours_indptr[item + 1])
    return model.neighbours_items[span], model.neighbours_weights[span]


def tiny_run(
    folder: Path, objective: str = "clicks", seed: int = 1, *, key: str | None = None
) -> Path:
    """Write a run folder whose artefact is ``<run>/model``; return the run folder.

    Another ``seed`` gives another version with other vectors and the same catalogue. ``key``
    is the pseudonym key that made the diners' ids.
    """
    arrays = tiny_arrays(seed)
    manifest = made_manifest(arrays, objective=objective, seed=seed)
    source = manifest.data.model_copy(update={"pseudonym_key_fingerprint": key_fingerprint(key)})
    save(folder / "model", manifest.model_copy(update={"data": source}), arrays)
    return folder
