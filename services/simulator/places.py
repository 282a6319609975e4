"""Which city and which diners: read from files, or drawn from a seed."""

from collections.abc import Iterable
from pathlib import Path

import orjson

from maitred.artifact import folder
from maitred.catalogue import Catalogue, Restaurant, parse_hours
from maitred.city import City
from maitred.errors import UsageError

__all__ = ["city_of", "compared_diners", "read_catalogue"]


def city_of(catalogue: Path | None, seed: int, *, restaurants: int, diners: int) -> City:
    """Return a city over the restaurants of a file, or the one that `data synth` makes of a seed."""
    if catalogue is None:
        return City.generate(seed, restaurants=restaurants, diners=diners)
    return City.over(read_catalogue(catalogue), seed, diners=diners)


def read_catalogue(path: Path) -> Catalogue:
    """Read restaurants: JSON lines with the fields of ``GET /v1/restaurants/{id}``, or a model's.

    Raises:
        UsageError: if it is neither; a bad line is named.
    """
    if path.is_dir():
        return folder.load(path).catalogue
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise UsageError(msg) from error
    restaurants = []
    for number, line in enumerate(lines, start=1):
        try:
            restaurants += [_restaurant(orjson.loads(line))] if line.strip() else []
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
            msg = f"{path}, line {number}: not a restaurant"
            raise UsageError(msg) from error
    return Catalogue.of(restaurants)


def compared_diners(
    users: Path | None, held_out: Iterable[str], city: City | None
) -> tuple[str, ...]:
    """Return whom to compare for: those named, else those with choices, else the city's.

    Raises:
        UsageError: if there is nobody.
    """
    if users is not None:
        try:
            lines = users.read_text(encoding="utf-8").splitlines()
        except OSError as error:
            msg = f"{users} cannot be read: {error.strerror}"
            raise UsageError(msg) from error
        named = tuple(line.strip() for line in lines if line.strip())
    else:
        named = tuple(held_out) or (city.diners if city else ())
    if not named:
        msg = "nobody to compare for"
        raise UsageError(msg, next_step="name diners with --users, --choices or --seed")
    return named


def _restaurant(record: dict[str, object]) -> Restaurant:
    fields = {name: record[name] for name in Restaurant.__dataclass_fields__ if name in record}
    fields["hours"] = parse_hours(fields.get("hours") or ())  # type: ignore[arg-type]
    for name in ("cuisines", "attributes"):
        fields[name] = tuple(fields.get(name) or ())  # type: ignore[arg-type]
    return Restaurant(**fields)  # type: ignore[arg-type]
