"""Restaurants and diners out of tables: one row each."""

from collections.abc import Callable
from typing import Final
from zoneinfo import available_timezones

import numpy as np
import pandas as pd

from maitred.geo import HALF_THE_EARTH_KM
from training.dataset import columns, schema
from training.dataset.mapping import Plain, RestaurantsTable, UsersTable
from training.dataset.quarantine import FileAccount
from training.dataset.sources.files import Chunk
from training.dataset.sources.rows import (
    Context,
    Seen,
    Verdicts,
    attributes,
    cell,
    checked_chunks,
    ids,
    place,
)

__all__ = ["read_restaurants", "read_users"]

Columns = dict[str, pd.Series]
Convert = Callable[[Chunk, Verdicts], Columns]

_ZONES: Final = frozenset(available_timezones())


def read_restaurants(
    table: RestaurantsTable, context: Context
) -> tuple[pd.DataFrame, list[FileAccount]]:
    """Return the restaurants of a table and what became of its rows."""

    def convert(chunk: Chunk, verdicts: Verdicts) -> Columns:
        found = {"restaurant_id": ids(chunk, table.id, "restaurant id", verdicts)}
        found |= place(chunk, table.lat, table.lon, verdicts)
        if table.name is not None:
            found["name"] = columns.texts(cell(chunk, table.name))
        if table.cuisines is not None:
            found["cuisines"] = columns.lists(cell(chunk, table.cuisines), table.cuisines)
        found["timezone"] = _zones(table.timezone, chunk, verdicts, context.source.timezone)
        found["attributes"] = attributes(chunk, table.features)
        if table.text:
            parts = [columns.texts(cell(chunk, rule)) for rule in table.text]
            found["text"] = _joined(parts)
        return found | _terms(table, chunk, verdicts, context.source.currency)

    return _read(table, context, convert, schema.RESTAURANTS)


def _joined(parts: list[pd.Series]) -> pd.Series:
    rows = zip(*(part.fillna("").tolist() for part in parts), strict=True)
    texts = [" ".join(text for text in row if text) for row in rows]
    return pd.Series(texts, index=parts[0].index, dtype="str")


def _terms(
    table: RestaurantsTable, chunk: Chunk, verdicts: Verdicts, currency: str | None
) -> Columns:
    """Return what has a form of its own: prices, hours, money. Unreadable cells are blanked."""
    found: dict[str, tuple[pd.Series, np.ndarray[tuple[int], np.dtype[np.bool_]]]] = {}
    if table.price is not None:
        found["price_level"] = columns.levels(cell(chunk, table.price), table.price)
    if table.hours is not None:
        found["hours"] = columns.hours(cell(chunk, table.hours), table.hours)
    if table.avg_value is not None:
        values, bad = columns.minor(cell(chunk, table.avg_value), table.avg_value, currency)
        worthless = (values <= 0).to_numpy(dtype=np.bool_, na_value=False)
        found["avg_value_minor"] = values.mask(worthless), bad | worthless
    if table.commission_rate is not None:
        found["commission_rate"] = columns.numbers(cell(chunk, table.commission_rate), 0, 1)
    if table.delivery_km is not None:
        found["delivery_km"] = columns.numbers(cell(chunk, table.delivery_km), 0, HALF_THE_EARTH_KM)
    for name, (_, unreadable) in found.items():
        verdicts.blanked[name] = unreadable
    return {name: values for name, (values, _) in found.items()}


def _zones(rule: Plain | None, chunk: Chunk, verdicts: Verdicts, default: str) -> pd.Series:
    if rule is None:
        return pd.Series(default, index=chunk.rows.index, dtype="str")
    found = columns.texts(cell(chunk, rule))
    known = found.isin(_ZONES)
    verdicts.blanked["timezone"] = (found.notna() & ~known).to_numpy()
    return found.where(known, default)


def read_users(table: UsersTable, context: Context) -> tuple[pd.DataFrame, list[FileAccount]]:
    """Return the diners of a table and what became of its rows."""

    def convert(chunk: Chunk, verdicts: Verdicts) -> Columns:
        found = {"user_id": ids(chunk, table.id, "user id", verdicts)}
        found |= place(chunk, table.lat, table.lon, verdicts)
        if table.region is not None:
            found["region"] = columns.texts(cell(chunk, table.region))
        found["attributes"] = attributes(chunk, table.features)
        found["sensitive"] = attributes(chunk, table.sensitive)
        return found

    return _read(table, context, convert, schema.USERS)


def _read(
    table: RestaurantsTable | UsersTable, context: Context, convert: Convert, form: object
) -> tuple[pd.DataFrame, list[FileAccount]]:
    """Read all chunks; the first row of an id wins, later ones are duplicates or rejected."""
    frames, accounts, seen = list[pd.DataFrame](), list[FileAccount](), Seen()
    for account, chunk, verdicts in checked_chunks(table, context):
        if not accounts or accounts[-1] is not account:
            accounts.append(account)
        frame = pd.DataFrame(convert(chunk, verdicts))
        same, clash = seen.sort_out(frame.iloc[:, :1], chunk.rows, verdicts.good)
        verdicts.against(clash, "id stands twice with other content", frame.iloc[:, 0])
        frames.append(frame[verdicts.settle(account, same)])
    whole = pd.concat(frames, ignore_index=True)
    return schema.frame_of(schema.table_of(whole, form)), accounts
