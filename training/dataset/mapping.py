"""A mapping: how a stranger's files become a data set. The form is written down in docs/data.md.

A mapping is refused as a whole when it names a key that does not exist; nothing is guessed.
"""

import tomllib
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from maitred.errors import MappingError
from training.dataset.schema import EVENT_TYPES

__all__ = [
    "Choice",
    "EventsTable",
    "ImportMapping",
    "ListColumn",
    "Mapped",
    "Moment",
    "Plain",
    "Price",
    "RestaurantsTable",
    "Source",
    "UsersTable",
    "Value",
    "read_mapping",
    "shipped",
]

_SHIPPED: Final = "mappings"


class Mapped(BaseModel):
    """Base of everything in a mapping: unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Plain(Mapped):
    """A column taken as text."""

    column: str = Field(min_length=1)


class Moment(Plain):
    """A column of times. Without ``format`` ISO 8601; ``unix`` and ``unix_ms`` count from 1970."""

    format: str | None = None


class Value(Plain):
    """A column of money, in major units (12.50) or minor ones (1250)."""

    unit: Literal["major", "minor"] = "major"


class ListColumn(Plain):
    """A column of lists in one cell; without ``split`` the cell is one member."""

    split: str | None = Field(None, min_length=1)


class Price(Plain):
    """A column of price levels: 1 to 4, one to four ``$``, or words through ``map``."""

    map: dict[str, Annotated[int, Field(ge=1, le=4)]] | None = None


class Choice(Plain):
    """A column that tells what kind of event a row is."""

    map: dict[str, Literal["seen", "click", "order", "dismiss"]] | None = None
    """From the column's texts to event types; without it the texts are event types."""
    drop: tuple[str, ...] = ()
    """Texts whose rows are not wanted; they go to quarantine with that reason."""


def _as_column(value: object) -> object:
    return {"column": value} if isinstance(value, str) else value


def _constant_type(value: object) -> object:
    if isinstance(value, str) and value not in EVENT_TYPES:
        msg = f"'{value}' is no event type; there are {', '.join(EVENT_TYPES)}"
        raise ValueError(msg)
    return value


PlainColumn = Annotated[Plain, BeforeValidator(_as_column)]
MomentColumn = Annotated[Moment, BeforeValidator(_as_column)]
ValueColumn = Annotated[Value, BeforeValidator(_as_column)]
SplitColumn = Annotated[ListColumn, BeforeValidator(_as_column)]
PriceColumn = Annotated[Price, BeforeValidator(_as_column)]


class Table(Mapped):
    """A file, or a glob pattern of files with the same columns."""

    file: str = Field(min_length=1)

    def columns(self) -> Iterator[tuple[str, str]]:
        """Yield (key of the mapping, column of the file) for everything mapped."""
        for key in type(self).model_fields:
            value = getattr(self, key)
            for one in value if isinstance(value, tuple) else (value,):
                if isinstance(one, Plain):
                    yield key, one.column


class EventsTable(Table):
    """``[events]``: what diners did."""

    type: Annotated[str | Choice, BeforeValidator(_constant_type)] = "order"
    """One of the event types for every row, or the column that tells."""
    user_id: PlainColumn
    restaurant_id: PlainColumn
    occurred_at: MomentColumn
    value: ValueColumn | None = None
    event_id: PlainColumn | None = None
    request_id: PlainColumn | None = None
    rank: PlainColumn | None = None
    propensity: PlainColumn | None = None
    weight: PlainColumn | None = None
    lat: PlainColumn | None = None
    lon: PlainColumn | None = None
    region: PlainColumn | None = None


class RestaurantsTable(Table):
    """``[restaurants]``: with it, events of restaurants that it lacks are quarantined."""

    id: PlainColumn
    name: PlainColumn | None = None
    lat: PlainColumn | None = None
    lon: PlainColumn | None = None
    price: PriceColumn | None = None
    cuisines: SplitColumn | None = None
    hours: SplitColumn | None = None
    timezone: PlainColumn | None = None
    avg_value: ValueColumn | None = None
    commission_rate: PlainColumn | None = None
    delivery_km: PlainColumn | None = None
    features: tuple[SplitColumn, ...] = ()
    text: tuple[PlainColumn, ...] = ()


class UsersTable(Table):
    """``[users]``: what is known of diners; ``sensitive`` columns never become features."""

    id: PlainColumn
    lat: PlainColumn | None = None
    lon: PlainColumn | None = None
    region: PlainColumn | None = None
    features: tuple[SplitColumn, ...] = ()
    sensitive: tuple[SplitColumn, ...] = ()


class Source(Mapped):
    """``[source]``: what holds for all files."""

    reader: Literal["table", "entree"] = "table"
    name: str | None = None
    licence: str | None = None
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] | None = None
    timezone: str = "UTC"
    """Of times that carry no offset, and of restaurants that name none."""
    encoding: str = "auto"

    @model_validator(mode="after")
    def _known_names(self) -> "Source":
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            msg = f"timezone '{self.timezone}' is unknown"
            raise ValueError(msg) from error
        try:
            "".encode(self.encoding if self.encoding != "auto" else "utf-8")
        except LookupError as error:
            msg = f"encoding '{self.encoding}' is unknown"
            raise ValueError(msg) from error
        return self


def _as_tables(value: object) -> object:
    return (value,) if isinstance(value, Mapping) else value


class ImportMapping(Mapped):
    """A whole mapping."""

    schema_version: Literal[1] = Field(alias="schema")
    source: Source = Source()
    events: Annotated[tuple[EventsTable, ...], BeforeValidator(_as_tables)] = ()
    restaurants: RestaurantsTable | None = None
    users: UsersTable | None = None

    @model_validator(mode="after")
    def _complete(self) -> "ImportMapping":
        if self.source.reader == "table" and not self.events:
            msg = "[events] is missing: without events there is nothing to learn from"
            raise ValueError(msg)
        if self.source.reader == "entree" and (self.events or self.restaurants or self.users):
            msg = "reader 'entree' knows its files; only [source] is allowed beside it"
            raise ValueError(msg)
        if self.source.currency is None and any(table.value for table in self.events):
            msg = '[source] needs currency = "…" (three letters) where events map a value'
            raise ValueError(msg)
        return self


def shipped() -> tuple[str, ...]:
    """Return the names of the mappings that come with the package."""
    home = resources.files("training.dataset") / _SHIPPED
    return tuple(sorted(f.name[:-5] for f in home.iterdir() if f.name.endswith(".toml")))


def read_mapping(where: str) -> ImportMapping:
    """Read a mapping: a TOML file, or the name of a shipped one.

    Raises:
        MappingError: if there is no such file, it is not TOML, or a key of it is unknown, missing
            or of the wrong form; every such key is named.
    """
    text = _text_of(where)
    try:
        raw: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        msg = f"mapping {where} is not TOML: {error}"
        raise MappingError(msg, next_step="correct that line") from error
    try:
        return ImportMapping.model_validate(raw)
    except ValidationError as error:
        fields = tuple((_place(e["loc"]), _plain(e["msg"])) for e in error.errors())
        listing = "; ".join(f"{place}: {reason}" if place else reason for place, reason in fields)
        msg = f"mapping {where} cannot be used: {listing}"
        step = "docs/data.md lists the keys of a mapping"
        raise MappingError(msg, fields=fields, next_step=step) from error


def _text_of(where: str) -> str:
    file = Path(where)
    if file.is_file():
        try:
            return file.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            msg = f"mapping {where} is not UTF-8: {error}"
            raise MappingError(msg, next_step="save it as UTF-8") from error
    if where in shipped():
        home = resources.files("training.dataset") / _SHIPPED
        return (home / f"{where}.toml").read_text(encoding="utf-8")
    msg = f"there is no mapping at {where}"
    raise MappingError(msg, next_step=f"name a TOML file, or one of ours: {', '.join(shipped())}")


_MODEL_WORDS: Final = frozenset(
    {"str", "Choice", "function-before[_constant_type(), union[str,Choice]]"}
)


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location if part not in _MODEL_WORDS)


def _plain(message: str) -> str:
    text = message.removeprefix("Value error, ")
    return "there is no such key" if text == "Extra inputs are not permitted" else text
