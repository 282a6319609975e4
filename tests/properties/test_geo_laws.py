"""Places: what a circle covers, anywhere on earth, against every distance computed one by one."""

import h3
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from maitred import geo
from maitred.catalogue.places import Places
from maitred.seeds import generator

EDGE_KM = 1e-6
"""Closer to the circle than a millimetre, two formulas may disagree."""

PENTAGONS = [h3.cell_to_latlng(cell) for res in (0, 3, 6, 9) for cell in h3.get_pentagons(res)]

anywhere = st.tuples(st.floats(-90, 90), st.floats(-180, 180))
hard_places = st.sampled_from([(90.0, 0.0), (-90.0, 17.0), (89.999, 120.0), (0.0, 180.0),
                               (-17.0, -180.0), (60.0, 179.9999), *PENTAGONS])  # fmt: skip
radii = st.floats(-3, 4.3).map(lambda exponent: 10.0**exponent)


def around(lat: float, lon: float, radius_km: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return places near the rim of a circle, inside and outside of it, degrees."""
    rng = generator(seed, "around")
    bearing = rng.uniform(0, 2 * np.pi, 60)
    delta = np.minimum(radius_km * rng.uniform(0.8, 1.2, 60), 20_000) / geo.EARTH_RADIUS_KM
    phi, theta = np.radians(lat), np.radians(lon)
    up = np.sin(phi) * np.cos(delta) + np.cos(phi) * np.sin(delta) * np.cos(bearing)
    lats = np.arcsin(np.clip(up, -1, 1))
    across = np.sin(bearing) * np.sin(delta) * np.cos(phi)
    lons = theta + np.arctan2(across, np.cos(delta) - np.sin(phi) * np.sin(lats))
    return np.degrees(lats), (np.degrees(lons) + 540) % 360 - 180


@given(anywhere | hard_places, radii, st.integers(0, 1000))
def test_what_is_within_a_radius_is_what_a_look_at_everything_finds(
    place: tuple[float, float], radius_km: float, seed: int
) -> None:
    lat, lon = place
    lats, lons = around(lat, lon, radius_km, seed)
    lats[::7] = np.nan  # places that nobody knows

    found = Places.of(lats, lons).within(lat, lon, radius_km, at_most=10_000)

    away = geo.distance_km(lat, lon, lats, lons)
    assert found is not None
    assert found.tolist() == sorted(set(found.tolist()))
    mine = np.zeros(lats.size, dtype=np.bool_)
    mine[found] = True
    clear = np.abs(away - radius_km) > EDGE_KM * max(radius_km, 1.0)
    assert (mine[clear] == (away <= radius_km)[clear]).all()
    assert not mine[np.isnan(lats)].any()


@given(anywhere | hard_places, st.floats(-3, 3).map(lambda exponent: 10.0**exponent))
def test_a_cover_is_bounded_and_its_ranges_do_not_overlap(
    place: tuple[float, float], radius_km: float
) -> None:
    ranges = geo.cover(*place, radius_km)

    assert ranges is not None
    lowest, highest = ranges
    assert lowest.size <= 169
    assert (lowest[1:] > highest[:-1]).all()


def test_more_than_may_be_looked_at_is_not_looked_at() -> None:
    lats, lons = around(48.8, 9.2, 1.0, seed=1)
    places = Places.of(lats, lons)

    assert places.within(48.8, 9.2, 2.0, at_most=59) is None
    everything = places.within(48.8, 9.2, 2.0, at_most=60)
    assert everything is not None
    assert everything.size == 60
