"""`maitred data extend --live`: restaurants as a running service knows them become rows to train on."""

from pathlib import Path

import pandas as pd
from typer.testing import CliRunner

from maitred.catalogue import Restaurant, parse_hours
from maitred.cli import build as command_line
from maitred.store import keys
from maitred.store.catalogue import CatalogueStore, Change
from maitred.store.client import connect
from tests.support.archives import archive_of, wire
from tests.support.datasets import small_dataset
from tests.support.servers import LiveValkey
from training.dataset.folder import load, save
from training.dataset.live import with_restaurants
from training.dataset.restaurants import catalogue_of

NEW = Restaurant(
    "new/1",
    name="New",
    lat=41.5,
    lon=-87.5,
    cuisines=("thai",),
    price_level=2,
    hours=parse_hours(["fri 18:00-02:00"]),
    timezone="America/Chicago",
    delivery_km=3.5,
)


def test_new_and_changed_restaurants_are_added_and_those_taken_away_stay(
    valkey: LiveValkey, tmp_path: Path
) -> None:
    base = small_dataset([{"event_id": "a", "user_id": "u1", "restaurant_id": "r1"}])
    save(base, tmp_path / "base")
    archive = archive_of(tmp_path / "archive", wire("click", "b", restaurant_id="new/1"))
    with connect(valkey.url) as redis:
        store = CatalogueStore(redis)
        store.write([Change(NEW.restaurant_id, NEW), Change("r1", Restaurant("r1", name="One"))])
        store.write([Change("gone", Restaurant("gone"))])
        store.write([Change("gone", None)])
        redis.hset(keys.CATALOGUE_RECORDS, "broken", b"{")

    result = CliRunner().invoke(
        command_line(),
        ["data", "extend", str(tmp_path / "base"), "--archive", str(archive), "--live",
         "--out", str(tmp_path / "out")],
        env={"MAITRED_REDIS_URL": valkey.url},
    )  # fmt: skip

    assert result.exit_code == 0, result.output
    extended = load(tmp_path / "out")
    catalogue = catalogue_of(extended)
    assert catalogue.record("new/1") == NEW
    changed = catalogue.record("r1")
    assert changed is not None
    assert changed.name == "One"
    assert catalogue.record("gone") is None
    assert "new/1" in set(extended.events["restaurant_id"])
    assert len(extended.restaurants) == len(base.restaurants) + 1


def test_restaurants_that_are_the_same_leave_the_fingerprint_as_it_was() -> None:
    base = small_dataset([{"event_id": "a", "user_id": "u1", "restaurant_id": "r1"}])
    known = {r.restaurant_id: r for r in catalogue_of(base).restaurants}

    same = with_restaurants(base, known)

    assert same is base
    assert with_restaurants(base, {}) is base
    changed = with_restaurants(base, {"r1": Restaurant("r1", name="other")})
    assert changed.meta.fingerprint != base.meta.fingerprint
    pd.testing.assert_frame_equal(changed.events, base.events)
