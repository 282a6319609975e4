"""The Entree Chicago logs: sessions of a restaurant recommender, 1996 to 1999 (UCI, CC BY 4.0).

A session line is: time, visitor, entry point, restaurants looked at (each with a letter for how
the visitor moved on), end point. The restaurants looked at become clicks in their order; an end
point other than -1 becomes the choice. Entry points name restaurants of eight cities and are not
used. Two equal lines are two sessions: the log carries no ids and its clock counts seconds.
"""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import pandas as pd

from maitred.errors import InvalidDataset, UsageError
from training.dataset import schema
from training.dataset.quarantine import Accounts, FileAccount, Rejection
from training.dataset.sources.entree_features import Features
from training.dataset.sources.imported import Imported

__all__ = ["ASSUMPTION", "BAND_VALUES_MINOR", "CURRENCY", "TIMEZONE", "read"]

CURRENCY: Final = "USD"
TIMEZONE: Final = "America/Chicago"
BAND_VALUES_MINOR: Final = {1: 1000, 2: 2250, 3: 4000, 4: 6000}
"""What a choice is worth by price band, in cents: about the middle of below $15, $15-30, $30-50
and over $50."""

ASSUMPTION: Final = (
    "No money was recorded: a choice is valued by its restaurant's price band "
    "(10, 22.50, 40 or 60 USD), which is an assumption."
)
LICENCE: Final = "CC BY 4.0 (UCI Machine Learning Repository, Entree Chicago Recommendation Data)"

_ENCODING: Final = "latin-1"
_TIME: Final = "%d/%b/%Y:%H:%M:%S"
_STEP: Final = re.compile(r"(\d+)[L-T]?")
_NO_CHOICE: Final = "-1"
_FIELDS: Final = 4
"""Time, visitor, entry point and end point are always there."""

Event = tuple[str, str, str, str, datetime, str]
"""event_id, user_id, restaurant_id, type, local time, request_id."""


class _BadLine(Exception):  # noqa: N818 - control flow inside this module, not an error of ours
    """A line that is not a session; its arguments are the reason and the value at fault."""


def read(folder: Path, *, advance: Callable[[str], None] = lambda _: None) -> Imported:
    """Read ``session/session.*`` and ``restaurants/chicago.txt`` of the raw set.

    Args:
        folder: the raw set.
        advance: called with each file's name before it is read, for progress.

    Raises:
        UsageError: if a file of the set is not there.
        InvalidDataset: if a file is empty.
    """
    files = sorted((folder / "session").glob("session.*"))
    if not files:
        msg = f"{folder / 'session'} holds no session.* files of Entree"
        raise UsageError(msg, next_step="`maitred data fetch entree` finds or downloads the set")
    features = Features.read(folder / "restaurants" / "features.txt")
    restaurants, account = _read_restaurants(folder / "restaurants" / "chicago.txt", features)
    accounts, events = [account], list[Event]()
    known = frozenset(restaurants["restaurant_id"])
    for file in files:
        advance(file.name)
        accounts.append(_read_sessions(file, known, events))
    return Imported(
        events=_frame(events, restaurants),
        restaurants=restaurants,
        users=None,
        accounts=Accounts(tuple(accounts), notes=(ASSUMPTION,)),
        source="Entree Chicago",
        licence=LICENCE,
        assumption=ASSUMPTION,
    )


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    try:
        text = file.read_text(encoding=_ENCODING)
    except FileNotFoundError as error:
        msg = f"{file} is missing from the Entree set"
        raise UsageError(msg, next_step="`maitred data fetch entree` checks the files") from error
    if not text.strip():
        msg = f"{file} is empty"
        raise InvalidDataset(msg, next_step="fetch the set again: the file was truncated")
    return ((n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip())


def _read_sessions(file: Path, known: frozenset[str], events: list[Event]) -> FileAccount:
    account = FileAccount(f"session/{file.name}")
    quarter = file.name.removeprefix("session.")
    for number, line in _lines(file):
        account.rows_read += 1
        try:
            events.extend(_session(line, f"{quarter}-{number:05}", known))
        except _BadLine as bad:
            account.rejections.append(Rejection(number, bad.args[0], bad.args[1], line))
        else:
            account.kept += 1
    return account


def _session(line: str, session: str, known: frozenset[str]) -> list[Event]:
    """Return one session's events; ids are in file order, so that ties in time keep it."""
    fields = [field.strip() for field in line.split("\t")]
    if len(fields) < _FIELDS or not fields[1]:
        reason = "not a session: fewer than four fields, or no visitor"
        raise _BadLine(reason, line[:80])
    at, visitor = _moment(fields[0]), fields[1]
    *steps, end = fields[3:]
    looked_at = [("click", _restaurant(step, known)) for step in steps]
    chosen = [] if end == _NO_CHOICE else [("order", _restaurant(end, known))]
    return [
        (f"{session}-{i:03}", visitor, restaurant, kind, at, session)
        for i, (kind, restaurant) in enumerate(looked_at + chosen)
    ]


def _moment(text: str) -> datetime:
    try:
        return datetime.strptime(text, _TIME)  # noqa: DTZ007 - the zone is put on the whole column
    except ValueError as error:
        reason = "unreadable time"
        raise _BadLine(reason, text) from error


def _restaurant(text: str, known: frozenset[str]) -> str:
    match = _STEP.fullmatch(text)
    if match is None:
        reason = "unreadable restaurant number"
        raise _BadLine(reason, text)
    number = str(int(match[1]))
    if number not in known:
        reason = "unknown restaurant"
        raise _BadLine(reason, text)
    return number


def _frame(events: list[Event], restaurants: pd.DataFrame) -> pd.DataFrame:
    names = ["event_id", "user_id", "restaurant_id", "type", "occurred_at", "request_id"]
    if not events:
        return schema.empty(schema.EVENTS)
    frame = pd.DataFrame(events, columns=pd.Index(names))
    local = frame["occurred_at"].dt.tz_localize(
        TIMEZONE, ambiguous=pd.Series(data=True, index=frame.index), nonexistent="shift_forward"
    )
    values = restaurants.set_index("restaurant_id")["avg_value_minor"]
    is_order = frame["type"] == "order"
    return frame.assign(
        occurred_at=local.dt.tz_convert("UTC"),
        value_minor=frame["restaurant_id"].map(values).astype("Int64").where(is_order),
        currency=pd.Series(CURRENCY, index=frame.index).where(is_order),
        weight=1.0,
    )


def _read_restaurants(file: Path, features: Features) -> tuple[pd.DataFrame, FileAccount]:
    account = FileAccount(f"restaurants/{file.name}")
    rows: dict[str, dict[str, object]] = {}
    for number, line in _lines(file):
        account.rows_read += 1
        try:
            row = _one_restaurant(line, features)
        except _BadLine as bad:
            account.rejections.append(Rejection(number, bad.args[0], bad.args[1], line))
            continue
        if str(row["restaurant_id"]) in rows:
            detail = str(row["restaurant_id"])
            account.rejections.append(Rejection(number, "restaurant stands twice", detail, line))
            continue
        rows[str(row["restaurant_id"])] = row
        account.kept += 1
    frame = pd.DataFrame(list(rows.values()))
    levels = frame["price_level"].astype("Int64")
    account.blanked["price_level"] = int(levels.isna().sum())
    imputed = levels.map(BAND_VALUES_MINOR).astype("Int64")
    median = int(imputed.dropna().median()) if levels.notna().any() else BAND_VALUES_MINOR[2]
    return frame.assign(price_level=levels, avg_value_minor=imputed.fillna(median)), account


def _one_restaurant(line: str, features: Features) -> dict[str, object]:
    fields = [field.strip() for field in line.split("\t")]
    if len(fields) != 3 or not fields[0].isdigit():  # noqa: PLR2004 - id, name, features
        reason = "not a restaurant: id, name and features expected"
        raise _BadLine(reason, line[:80])
    codes = fields[2].split()
    unknown = [code for code in codes if code not in features.names]
    if unknown:
        reason = "unknown feature code"
        raise _BadLine(reason, " ".join(unknown))
    level = features.price_level(codes)
    attributes = features.attributes(codes)
    return {
        "restaurant_id": str(int(fields[0])),
        "name": fields[1],
        "cuisines": features.cuisines(codes),
        "price_level": level,
        "timezone": TIMEZONE,
        "attributes": attributes if level else (*attributes, "price band assumed"),
    }
