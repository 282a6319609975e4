"""What may be written about a restaurant: from a decoded JSON object to a record, field by field."""

from typing import Annotated, Any
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from maitred.catalogue import Restaurant, parse_hours
from maitred.errors import InvalidInput
from maitred.geo import HALF_THE_EARTH_KM
from maitred.ids import MAX_ID_CHARS

__all__ = ["EXAMPLE", "RestaurantBody", "record_from"]

EXAMPLE: dict[str, Any] = {
    "restaurant_id": "r00442",
    "name": "Chez Marie",
    "lat": 41.8902,
    "lon": -87.6263,
    "cuisines": ["french", "bistro"],
    "price_level": 3,
    "avg_value_minor": 4200,
    "commission_rate": 0.15,
    "hours": ["thu 18:00-23:00", "fri 18:00-02:00"],
    "timezone": "America/Chicago",
    "attributes": ["vegetarian"],
    "delivery_km": 4.5,
}
MOST_MINOR = 2**53
_ZONES = available_timezones()


def _is_zone(name: str) -> str:
    if name not in _ZONES:
        msg = f"{name!r} is no IANA time zone such as Europe/Berlin"
        raise ValueError(msg)
    return name


def _are_hours(text: str) -> str:
    try:
        parse_hours([text])
    except InvalidInput as error:
        raise ValueError(str(error)) from error
    return text


def _is_text(text: str) -> str:
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        msg = "is no valid unicode"
        raise ValueError(msg)
    return text


Word = Annotated[str, Field(min_length=1, max_length=100)]


class RestaurantBody(BaseModel):
    """A whole restaurant; what is left out or null is not known."""

    model_config = ConfigDict(
        extra="forbid", strict=True, allow_inf_nan=False, json_schema_extra={"examples": [EXAMPLE]}
    )

    restaurant_id: Annotated[
        str, Field(min_length=1, max_length=MAX_ID_CHARS), AfterValidator(_is_text)
    ]
    name: Annotated[str, Field(max_length=300)] = ""
    lat: Annotated[float | None, Field(ge=-90, le=90)] = None
    """Degrees; together with lon."""
    lon: Annotated[float | None, Field(ge=-180, le=180)] = None
    cuisines: Annotated[list[Word], Field(max_length=50)] = []
    """The first is what the restaurant stands for."""
    price_level: Annotated[int | None, Field(ge=1, le=4)] = None
    """1 is cheap."""
    avg_value_minor: Annotated[int | None, Field(ge=0, le=MOST_MINOR)] = None
    """What a choice is worth on average, minor units. The next training reads it."""
    commission_rate: Annotated[float | None, Field(ge=0, le=1)] = None
    hours: Annotated[
        list[Annotated[str, Field(max_length=100), AfterValidator(_are_hours)]],
        Field(max_length=100),
    ] = []
    """Such as ``fri 18:00-02:00``, local time; without any, it is never known to be open."""
    timezone: Annotated[str | None, AfterValidator(lambda z: z if z is None else _is_zone(z))] = (
        None
    )
    """IANA name; null: UTC."""
    attributes: Annotated[list[Word], Field(max_length=100)] = []
    delivery_km: Annotated[float | None, Field(ge=0, le=HALF_THE_EARTH_KM)] = None

    @model_validator(mode="after")
    def _has_a_whole_place(self) -> "RestaurantBody":
        if (self.lat is None) != (self.lon is None):
            msg = "lat and lon belong together"
            raise ValueError(msg)
        return self


_ADAPTER = TypeAdapter(RestaurantBody)


def record_from(body: object, *, at: str = "") -> Restaurant:
    """Check a decoded JSON value; ``at`` is where it stands, for messages, such as ``restaurants.17``.

    Raises:
        InvalidInput: naming every field at fault.
    """
    try:
        known = _ADAPTER.validate_python(body)
    except ValidationError as error:
        fields = tuple((_field(at, e["loc"]), _reason(e["msg"])) for e in error.errors())
        field, reason = fields[0]
        msg = f"{field}: {reason}"
        raise InvalidInput(msg, fields=fields) from error
    return Restaurant(
        restaurant_id=known.restaurant_id,
        name=known.name,
        lat=known.lat,
        lon=known.lon,
        cuisines=tuple(dict.fromkeys(known.cuisines)),
        price_level=known.price_level,
        avg_value_minor=known.avg_value_minor,
        commission_rate=known.commission_rate,
        hours=parse_hours(known.hours),
        timezone=known.timezone,
        attributes=tuple(dict.fromkeys(known.attributes)),
        delivery_km=known.delivery_km,
    )


def _field(at: str, location: tuple[int | str, ...]) -> str:
    return ".".join([*([at] if at else []), *map(str, location)]) or "body"


def _reason(text: str) -> str:
    return text.removeprefix("Value error, ")
