"""From texts to values: each function returns a column and where a text was given but unreadable."""

import re
from typing import Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maitred.catalogue import parse_hours
from maitred.errors import InvalidInput
from training.dataset.mapping import ListColumn, Moment, Price, Value
from training.dataset.sources.files import LIST_MARK

__all__ = ["exponent", "hours", "levels", "lists", "minor", "moments", "numbers", "texts"]

Bools = NDArray[np.bool_]

_OFFSET: Final = r"(?:[zZ]|[+-]\d{2}:?\d{2})$"
_UNITS: Final[dict[str | None, Literal["s", "ms"]]] = {"unix": "s", "unix_ms": "ms"}
_EXPONENTS: Final = {
    **dict.fromkeys(("CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}
_LARGEST_MINOR: Final = 10**12


def exponent(currency: str | None) -> int:
    """Return how many decimals a currency's minor unit has (ISO 4217)."""
    return _EXPONENTS.get(currency or "", 2)


def texts(column: pd.Series) -> pd.Series:
    """Return texts without surrounding space; empty ones are missing."""
    stripped = column.astype("str").str.strip()
    return stripped.mask(stripped == "")


def numbers(
    column: pd.Series, low: float = -np.inf, high: float = np.inf
) -> tuple[pd.Series, Bools]:
    """Return finite numbers within [low, high]; what is outside is unreadable too."""
    given = texts(column)
    values = pd.to_numeric(given, errors="coerce").astype("float64")
    values = values.where(np.isfinite(values) & (values >= low) & (values <= high))
    return values, (given.notna() & values.isna()).to_numpy()


def moments(column: pd.Series, rule: Moment, timezone: str) -> tuple[pd.Series, Bools]:
    """Return times in UTC; those without an offset are local to ``timezone``.

    Of a local time that stands twice (clocks put back) the earlier is meant; one that never was
    (clocks put forward) becomes the end of the gap.
    """
    given = texts(column)
    if rule.format in _UNITS:
        counted = pd.to_numeric(given, errors="coerce")
        unit = _UNITS[rule.format]
        times = pd.to_datetime(counted, unit=unit, errors="coerce", utc=True)
    elif rule.format is not None:
        times = _formatted(given, rule.format, timezone)
    else:
        times = _iso(given, timezone)
    times = times.astype("datetime64[us, UTC]")
    return times, (given.notna() & times.isna()).to_numpy()


def _formatted(given: pd.Series, form: str, timezone: str) -> pd.Series:
    if "%z" in form:
        return pd.to_datetime(given, format=form, errors="coerce", utc=True)
    return _localised(pd.to_datetime(given, format=form, errors="coerce"), timezone)


def _iso(given: pd.Series, timezone: str) -> pd.Series:
    offset = given.str.contains(_OFFSET, na=False)
    aware = pd.to_datetime(given.where(offset), format="ISO8601", errors="coerce", utc=True)
    if offset.all():
        return aware
    naive = pd.to_datetime(given.mask(offset), format="ISO8601", errors="coerce", utc=True)
    return aware.fillna(_localised(naive.dt.tz_localize(None), timezone))


def _localised(naive: pd.Series, timezone: str) -> pd.Series:
    earlier = np.ones(len(naive), dtype=np.bool_)
    local = naive.dt.tz_localize(timezone, ambiguous=earlier, nonexistent="shift_forward")
    moved: pd.Series = local.dt.tz_convert("UTC")
    return moved


def minor(column: pd.Series, rule: Value, currency: str | None) -> tuple[pd.Series, Bools]:
    """Return money in minor units, rounded to whole ones."""
    values, unreadable = numbers(column, -_LARGEST_MINOR, _LARGEST_MINOR)
    scale = 10 ** exponent(currency) if rule.unit == "major" else 1
    return (values * scale).round().astype("Int64"), unreadable


def levels(column: pd.Series, rule: Price) -> tuple[pd.Series, Bools]:
    """Return price levels 1 to 4."""
    given = texts(column)
    if rule.map is not None:
        found = given.map(rule.map)
    else:
        signs = given.str.len().where(given.str.fullmatch(r"[$€£]{1,4}", na=False))
        found = signs.fillna(pd.to_numeric(given, errors="coerce"))
        found = found.where(found.isin([1, 2, 3, 4]))
    values = found.astype("Int64")
    return values, (given.notna() & values.isna()).to_numpy()


def lists(column: pd.Series, rule: ListColumn) -> pd.Series:
    """Return each cell's members, stripped, each once, in their order."""
    pattern = LIST_MARK if rule.split is None else f"{LIST_MARK}|{re.escape(rule.split)}"
    cells = [
        tuple(dict.fromkeys(m.strip() for m in re.split(pattern, cell) if m.strip()))
        if isinstance(cell, str)
        else ()
        for cell in texts(column).tolist()
    ]
    return pd.Series(cells, index=column.index, dtype=object)


def hours(column: pd.Series, rule: ListColumn) -> tuple[pd.Series, Bools]:
    """Return opening hours of the form ``fri 18:00-02:00``; a cell with another form is unreadable."""
    cells = lists(column, rule if rule.split else rule.model_copy(update={"split": ";"}))
    wrong = np.array([not _readable(cell) for cell in cells], dtype=np.bool_)
    kept = [() if bad else cell for cell, bad in zip(cells, wrong, strict=True)]
    return pd.Series(kept, index=column.index, dtype=object), wrong


def _readable(cell: tuple[str, ...]) -> bool:
    try:
        parse_hours(cell)
    except InvalidInput:
        return False
    return True
