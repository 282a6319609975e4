"""A restaurant as JSON: how people read and write it, and how it is stored."""

from collections.abc import Mapping
from typing import Any

import orjson

from maitred.catalogue.hours import Opening, format_hours
from maitred.catalogue.restaurant import Restaurant
from maitred.errors import InvalidInput

__all__ = ["decode_record", "encode_record", "record_of"]


def record_of(restaurant: Restaurant) -> dict[str, Any]:
    """Return a restaurant for people, hours as texts such as ``fri 18:00-02:00``."""
    return _plain(restaurant) | {"hours": format_hours(restaurant.hours)}


def encode_record(restaurant: Restaurant) -> bytes:
    """Return a restaurant as it is stored: equal restaurants give equal bytes."""
    spans = [(opening.opens, opening.closes) for opening in restaurant.hours]
    return orjson.dumps(_plain(restaurant) | {"hours": spans})


def decode_record(raw: bytes) -> Restaurant:
    """Read what :func:`encode_record` wrote.

    Raises:
        InvalidInput: if the bytes are no record.
    """
    try:
        record: dict[str, Any] = orjson.loads(raw)
        return _restaurant(record)
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        msg = "a stored restaurant cannot be read"
        raise InvalidInput(msg) from error


def _plain(r: Restaurant) -> dict[str, Any]:
    return {
        "restaurant_id": r.restaurant_id,
        "name": r.name,
        "lat": r.lat,
        "lon": r.lon,
        "cuisines": r.cuisines,
        "price_level": r.price_level,
        "avg_value_minor": r.avg_value_minor,
        "commission_rate": r.commission_rate,
        "hours": (),
        "timezone": r.timezone,
        "attributes": r.attributes,
        "delivery_km": r.delivery_km,
    }


def _restaurant(record: Mapping[str, Any]) -> Restaurant:
    lists = {
        "cuisines": tuple(record["cuisines"]),
        "attributes": tuple(record["attributes"]),
        "hours": tuple(Opening(opens, closes) for opens, closes in record["hours"]),
    }
    return Restaurant(**(dict(record) | lists))
