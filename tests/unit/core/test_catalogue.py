"""Hours, places, prices: the hard rules."""

from datetime import UTC, datetime

import pytest

from maitred.catalogue import (
    Catalogue,
    Filters,
    Opening,
    Restaurant,
    format_hours,
    minute_of_week,
    parse_hours,
)
from maitred.errors import InvalidInput

FRIDAY_1AM_UTC = datetime(2026, 5, 1, 1, 0, tzinfo=UTC)


def allowed_ids(catalogue: Catalogue, filters: Filters) -> set[str]:
    return {catalogue.ids[row] for row in catalogue.allowed(filters).rows.tolist()}


def test_an_opening_over_midnight_closes_on_the_next_day() -> None:
    (opening,) = parse_hours(["fri 18:00-02:00"])

    assert opening == Opening(4 * 1440 + 18 * 60, 5 * 1440 + 2 * 60)


@pytest.mark.parametrize(
    "text", ["fri 18:00", "fry 18:00-20:00", "fri 25:00-26:00", "fri 10:75-11:00"]
)
def test_impossible_hours_are_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidInput, match=text):
        parse_hours([text])


@pytest.mark.parametrize("text", ["mon 00:00-24:00", "sun 22:00-03:00", "tue 11:30-14:00"])
def test_hours_survive_being_written_and_read(text: str) -> None:
    assert format_hours(parse_hours([text])) == [text]


def test_sunday_night_is_still_open_on_monday_morning() -> None:
    night = Restaurant("r1", hours=parse_hours(["sun 20:00-02:00"]))
    monday_1am = datetime(2026, 5, 4, 1, 0)  # noqa: DTZ001  # local time of each restaurant

    assert allowed_ids(Catalogue.of((night,)), Filters(open_at=monday_1am)) == {"r1"}


def test_a_moment_is_judged_in_each_restaurants_own_time_zone() -> None:
    hours = parse_hours(["thu 18:00-23:00"])  # 1:00 UTC on Friday is Thursday 20:00 in Chicago
    catalogue = Catalogue.of(
        (
            Restaurant("chicago", hours=hours, timezone="America/Chicago"),
            Restaurant("london", hours=hours, timezone="Europe/London"),
        )
    )

    assert allowed_ids(catalogue, Filters(open_at=FRIDAY_1AM_UTC)) == {"chicago"}


def test_a_filter_passes_only_what_is_known_to_meet_it() -> None:
    catalogue = Catalogue.of((Restaurant("unknown"),))

    for filters in (
        Filters(price_max=4),
        Filters(open_at=FRIDAY_1AM_UTC),
        Filters(lat=0.0, lon=0.0, radius_km=20_000.0),
        Filters(cuisines=("thai",)),
    ):
        assert allowed_ids(catalogue, filters) == set()


def test_removed_restaurants_are_counted_once_for_the_first_filter_that_removes_them() -> None:
    catalogue = Catalogue.of(
        (
            Restaurant("a", price_level=4, cuisines=("thai",)),
            Restaurant("b", price_level=4, cuisines=("sushi",)),
            Restaurant("c", price_level=1, cuisines=("sushi",)),
        )
    )

    found = catalogue.allowed(Filters(exclude=frozenset({"a"}), cuisines=("sushi",), price_max=2))

    assert found.rows.tolist() == [2]
    assert found.removed == {"exclude": 1, "price_max": 1}


def test_the_radius_is_a_great_circle() -> None:
    catalogue = Catalogue.of(
        (Restaurant("north", lat=1.0, lon=0.0), Restaurant("far", lat=3.0, lon=0.0))
    )

    near = allowed_ids(catalogue, Filters(lat=0.0, lon=0.0, radius_km=112.0))

    assert near == {"north"}  # one degree of latitude is 111.2 km


def test_the_date_line_is_no_border() -> None:
    catalogue = Catalogue.of((Restaurant("fiji", lat=-17.0, lon=179.99),))

    assert allowed_ids(catalogue, Filters(lat=-17.0, lon=-179.99, radius_km=5.0)) == {"fiji"}


def test_a_restaurant_id_cannot_stand_twice() -> None:
    with pytest.raises(InvalidInput, match="twice"):
        Catalogue.of((Restaurant("a"), Restaurant("a")))


def test_local_time_without_offset_is_taken_as_it_is() -> None:
    noon = datetime(2026, 5, 4, 12, 0)  # noqa: DTZ001  # a Monday, local

    assert minute_of_week(noon, "Asia/Tokyo") == 12 * 60


def test_who_is_near_and_does_not_deliver_counts_for_delivery_and_not_for_the_radius() -> None:
    catalogue = Catalogue.of(
        (
            Restaurant("far", lat=43.0, lon=-87.6, delivery_km=1.0),
            Restaurant("near", lat=41.85, lon=-87.6, delivery_km=1.0),
            Restaurant("next", lat=41.8, lon=-87.6, delivery_km=1.0),
        )
    )
    wanted = Filters(lat=41.8, lon=-87.6, radius_km=20.0, delivers=True)

    found = catalogue.allowed(wanted)

    assert [catalogue.ids[row] for row in found.rows.tolist()] == ["next"]
    assert found.removed == {"radius_km": 1, "delivers": 1}
