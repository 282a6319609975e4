"""Restaurants of every kind and filters that some of them pass, for properties."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from maitred.catalogue import MINUTES_PER_WEEK, Filters, Opening, Restaurant

CUISINES = ("thai", "diner", "sushi", "")
LAT, LON = 41.88, -87.63


def restaurants(names: st.SearchStrategy[str]) -> st.SearchStrategy[Restaurant]:
    """Anything that may be known of a restaurant, near one place of the earth."""
    spans = st.tuples(st.integers(0, MINUTES_PER_WEEK - 1), st.integers(1, 3000))
    places = st.none() | st.tuples(st.floats(LAT - 0.1, LAT + 0.1), st.floats(LON - 0.1, LON + 0.1))

    def made(place: tuple[float, float] | None, **known: object) -> Restaurant:
        lat, lon = place or (None, None)
        return Restaurant(lat=lat, lon=lon, **known)  # type: ignore[arg-type]

    return st.builds(
        made,
        place=places,
        restaurant_id=names,
        name=st.text(max_size=3),
        cuisines=st.lists(st.sampled_from(CUISINES), unique=True, max_size=3).map(tuple),
        price_level=st.none() | st.integers(1, 4),
        avg_value_minor=st.none() | st.integers(0, 2**40),
        commission_rate=st.none() | st.floats(0, 1),
        hours=st.lists(spans.map(lambda s: Opening(s[0], sum(s))), max_size=3).map(
            lambda some: tuple(sorted(some))
        ),
        timezone=st.sampled_from([None, "Europe/Berlin", "America/Chicago"]),
        attributes=st.lists(st.sampled_from(("vegan", "patio")), unique=True).map(tuple),
        delivery_km=st.none() | st.floats(0, 12),
    )


@st.composite
def filters(draw: st.DrawFn, names: st.SearchStrategy[str]) -> Filters:
    """Every combination of filters, with and without a place."""
    moments = st.datetimes(datetime(2026, 5, 1), datetime(2026, 5, 15)) | st.datetimes(  # noqa: DTZ001 - local times
        datetime(2026, 5, 1),  # noqa: DTZ001
        datetime(2026, 5, 15),  # noqa: DTZ001
        timezones=st.sampled_from([UTC, ZoneInfo("Asia/Tokyo")]),
    )
    has_place = draw(st.booleans())
    return Filters(
        lat=draw(st.floats(LAT - 0.1, LAT + 0.1)) if has_place else None,
        lon=draw(st.floats(LON - 0.1, LON + 0.1)) if has_place else None,
        radius_km=draw(st.none() | st.floats(0, 15)) if has_place else None,
        delivers=draw(st.booleans()),
        cuisines=tuple(draw(st.lists(st.sampled_from([*CUISINES, "none"]), max_size=2))),
        attributes=tuple(draw(st.lists(st.sampled_from(("vegan", "patio")), max_size=2))),
        price_max=draw(st.none() | st.integers(1, 4)),
        open_at=draw(st.none() | moments),
        exclude=frozenset(draw(st.lists(names, max_size=3))),
    )
