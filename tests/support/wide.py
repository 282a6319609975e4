"""A valid model of a few hundred restaurants where places, hours and words are awkward on purpose.

At the north pole, on both sides of the date line, in a city with summer time, in zones of half
hours; open over midnight and over the week's end; ids with a slash, with blanks, in any script. Of
some restaurants little or nothing is known.
"""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import strategies as st

from maitred import geo
from maitred.artifact import load, save
from maitred.artifact.model import Arrays
from maitred.artifact.segments import ANY, key
from maitred.catalogue import (
    MINUTES_PER_WEEK,
    Catalogue,
    Filters,
    Opening,
    Overlay,
    Restaurant,
)
from maitred.seeds import generator
from maitred.store.catalogue import NOWHERE
from services.inference.snapshot import News, Served
from tests.support.models import made_arrays, made_manifest

RESTAURANTS = 300
CUISINES = ("Thai", "Italian", "Diner", "Sushi", "Crêpes", "नान")
ATTRIBUTES = ("vegan", "halal", "Parking/Valet", "patio")
PLACES = {
    "Chicago": (41.88, -87.63, "America/Chicago"),
    "the pole": (89.98, 0.0, "Arctic/Longyearbyen"),
    "the date line": (-16.8, 179.99, "Pacific/Fiji"),
    "beyond the date line": (-16.8, -179.99, "Pacific/Auckland"),
    "Lord Howe": (-31.55, 159.08, "Australia/Lord_Howe"),
    "Delhi": (28.61, 77.21, "Asia/Kolkata"),
}
ODD_NAMES = ("a/b", "a b", "ü", "店", "r%2Fx", "'\"<&>", "x" * 128, "\N{PILE OF POO}" * 30, "-1")


def wide_catalogue() -> Catalogue:
    """Restaurants as described above, the same ones each time."""
    rng = generator(11, "wide")
    ids = [*ODD_NAMES, *(f"r{i:05}" for i in range(442, 442 + RESTAURANTS - len(ODD_NAMES)))]
    return Catalogue.of(_restaurant(rng, name) for name in ids)


def _restaurant(rng: np.random.Generator, name: str) -> Restaurant:
    if rng.random() < 0.05:
        return Restaurant(name)
    lat, lon, zone = list(PLACES.values())[rng.integers(len(PLACES))]
    lat = min(90.0, lat + rng.normal() * 0.03)
    lon = (lon + rng.normal() * (0.03 if lat < 89 else 90) + 180) % 360 - 180
    has_place, has_zone = rng.random(2) < 0.9
    return Restaurant(
        name,
        name=f"Chez {name}",
        lat=lat if has_place else None,
        lon=lon if has_place else None,
        cuisines=tuple(rng.permutation(CUISINES)[: rng.integers(4)].tolist()),
        price_level=int(rng.integers(5)) or None,
        avg_value_minor=int(rng.integers(500, 9000)) if rng.random() < 0.8 else None,
        hours=tuple(_opening(rng) for _ in range(rng.integers(4))),
        timezone=zone if has_zone else None,
        attributes=tuple(a for a in ATTRIBUTES if rng.random() < 0.4),
        delivery_km=float(rng.uniform(0, 8)) if rng.random() < 0.6 else None,
    )


def _opening(rng: np.random.Generator) -> Opening:
    """Any stretch of up to three days, many of them over midnight, some over the week's end."""
    opens = int(rng.integers(MINUTES_PER_WEEK))
    return Opening(opens, opens + int(rng.integers(1, 3 * 24 * 60)))


def wide_arrays() -> Arrays:
    """Every array of the artefact."""
    rng = generator(11, "wide model")
    catalogue = wide_catalogue()
    n = len(catalogue)
    popularity = np.sort(rng.integers(1, 500, n)).astype(np.float32)[rng.permutation(n)]
    near = np.array([rng.choice(n, 5, replace=False) for _ in range(n)], dtype=np.int32)
    return made_arrays(
        catalogue,
        near=near,
        popularity=popularity,
        groups={
            key(geo.area(lat, lon), ANY, ANY): np.arange(0, n, 3, dtype=np.int32)
            for lat, lon, _ in PLACES.values()
        },
        seed=11,
        rng=rng,
    )


def wide_run(folder: Path) -> Path:
    """Write a run folder whose artefact is ``<run>/model``; return the run folder."""
    arrays = wide_arrays()
    save(folder / "model", made_manifest(arrays, seed=11), arrays)
    return folder


@cache
def wide_served() -> Served:
    """The model as it is served, with its own restaurants."""
    with TemporaryDirectory() as folder:
        return Served.of(load(wide_run(Path(folder)) / "model"))


@cache
def wide_live() -> Served:
    """The same model after a day of changes: a tenth moved, repriced or gone, ten newcomers."""
    rng = generator(11, "live")
    model = wide_served().model
    old = list(model.catalogue.ids)
    changed = [_restaurant(rng, name) for name in old[::20]]
    newcomers = [_restaurant(rng, f"new/{i}") for i in range(10)]
    overlay = Overlay.of([*changed, *newcomers], gone=old[1::20])
    return Served.of(model).then(News(overlay, overlay, NOWHERE))


def now_true(served: Served) -> list[Restaurant]:
    """Every restaurant that is there, as a record."""
    found = [served.catalogue.record(name) for name in served.catalogue.ids]
    return [record for record in found if record is not None]


moments = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)) | st.datetimes(  # noqa: DTZ001 - local times
    datetime(2026, 1, 1),  # noqa: DTZ001
    datetime(2026, 12, 31),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, *(ZoneInfo(zone) for _, _, zone in PLACES.values())]),
)
CHANGES = (
    "2026-03-08T02:30",  # Chicago's clocks jump over it
    "2026-03-08T08:00Z",
    "2026-11-01T01:30",  # and have it twice
    "2026-11-01T06:30Z",
    "2026-11-01T07:30Z",
    "2026-04-04T15:00Z",  # Lord Howe turns half an hour back
    "2026-10-03T15:30Z",
    "2026-02-28T23:59:59.999999",
)
near_places = st.sampled_from([(lat, lon) for lat, lon, _ in PLACES.values()]).flatmap(
    lambda at: st.tuples(
        st.floats(at[0] - 0.1, min(90.0, at[0] + 0.1)),
        st.floats(max(-180.0, at[1] - 0.1), min(180.0, at[1] + 0.1)),
    )
)
anywhere = st.tuples(st.floats(-90, 90), st.floats(-180, 180))
on_a_doorstep = st.sampled_from(
    [(r.lat, r.lon) for r in wide_catalogue().restaurants if r.lat is not None]
)
corners = st.sampled_from(
    [(90.0, 0.0), (90.0, 180.0), (-90.0, -180.0), (0.0, 180.0), (-16.8, -180.0)]
)


@st.composite
def wide_filters(draw: st.DrawFn) -> Filters:
    """Any filters that can be asked for over HTTP."""
    place = draw(st.none() | near_places | on_a_doorstep | anywhere | corners)
    radius = st.none() | st.floats(0, 10) | st.floats(0, 20_040) | st.sampled_from([0, 20_000])
    names = [*wide_catalogue().ids, "nobody"]
    return Filters(
        lat=place[0] if place else None,
        lon=place[1] if place else None,
        radius_km=draw(radius) if place else None,
        delivers=draw(st.booleans()) if place else False,
        cuisines=tuple(draw(st.lists(st.sampled_from(CUISINES), max_size=3))),
        attributes=tuple(draw(st.lists(st.sampled_from(ATTRIBUTES), max_size=2))),
        price_max=draw(st.none() | st.integers(1, 4)),
        open_at=draw(st.none() | moments | st.sampled_from(CHANGES).map(datetime.fromisoformat)),
        exclude=frozenset(draw(st.lists(st.sampled_from(names), max_size=5)))
        | draw(st.sampled_from([frozenset(), frozenset(names[::2])])),
    )
