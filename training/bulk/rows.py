"""From a file to restaurants as the service takes them: JSON lines, CSV, or a data set's Parquet."""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import orjson

from maitred.errors import InvalidInput, UsageError
from training.dataset.readable import readable

__all__ = ["Row", "read_rows"]

Row = tuple[int, dict[str, Any]]
"""A row's number in its file, from 1 (a heading is none), and what it says."""

_LIST_MARK: Final = "|"
_LISTS: Final = frozenset({"cuisines", "hours", "attributes"})
_WHOLE: Final = frozenset({"price_level", "avg_value_minor"})
_NUMBERS: Final = frozenset({"lat", "lon", "commission_rate", "delivery_km"})
_NOT_SERVED: Final = frozenset({"text"})
"""Columns of a data set that serving has no use for."""


def read_rows(path: Path) -> list[Row]:
    """Read every row; a folder is a data set.

    Raises:
        UsageError: if there is no such file, or it has another ending.
        InvalidInput: if a row cannot be read, naming it, or if the file is none of its kind.
    """
    file = path / "restaurants.parquet" if path.is_dir() else path
    reader = _READERS.get(file.suffix)
    if reader is None:
        msg = f"{file.name}: restaurants are read from {', '.join(sorted(_READERS))}"
        raise UsageError(msg, next_step="save them as one of these, or name a data set folder")
    if not file.is_file():
        msg = f"there is no file {file}"
        raise UsageError(msg)
    return [(number, _known(row)) for number, row in enumerate(reader(file), start=1)]


def _known(row: dict[str, Any]) -> dict[str, Any]:
    return {n: value for n, value in row.items() if value is not None and n not in _NOT_SERVED}


def _json_lines(file: Path) -> Iterator[dict[str, Any]]:
    with file.open("rb") as lines:
        for number, line in enumerate((text for text in lines if text.strip()), start=1):
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise _unreadable(number, str(error)) from error
            if not isinstance(row, dict):
                raise _unreadable(number, "is no JSON object")
            yield row


def _csv(file: Path) -> Iterator[dict[str, Any]]:
    with readable(file), file.open(encoding="utf-8-sig", newline="") as lines:
        for number, row in enumerate(csv.DictReader(lines), start=1):
            if None in row:
                raise _unreadable(number, "has more cells than the heading")
            yield {name: _cell(name, text) for name, text in row.items() if text}


def _cell(name: str, text: str) -> object:
    if name in _LISTS:
        return [part.strip() for part in text.split(_LIST_MARK) if part.strip()]
    try:
        if name in _WHOLE:
            return int(text)
        if name in _NUMBERS:
            return float(text)
    except ValueError:
        pass  # the service says what is wrong with it
    return text


def _parquet(file: Path) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet as pq  # noqa: PLC0415 - only who reads Parquet loads it

    with readable(file):
        rows = pq.read_table(file).to_pylist()
    yield from rows


_READERS: Final[dict[str, Callable[[Path], Iterator[dict[str, Any]]]]] = {
    ".jsonl": _json_lines,
    ".csv": _csv,
    ".parquet": _parquet,
}


def _unreadable(number: int, reason: str) -> InvalidInput:
    msg = f"row {number}: {reason}"
    return InvalidInput(msg, fields=((f"row {number}", reason),))
