"""Who is asked for: diners from a file, read as they are needed, whatever their number."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from maitred.errors import InvalidInput, UsageError
from training.dataset.readable import readable

__all__ = ["Asked", "read_users"]

_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Asked:
    """One diner asked for."""

    user_id: str
    lat: float | None = None
    lon: float | None = None
    at: datetime | None = None
    exclude: tuple[str, ...] = ()


def read_users(file: Path) -> Iterator[Asked]:
    """Yield the diners asked for, in file order, duplicates kept.

    ``.txt`` holds an id a line; ``.csv``, ``.jsonl`` and ``.parquet`` a column ``user_id`` and
    perhaps ``lat lon at exclude`` (a list, or texts separated by ``|``).

    Raises:
        UsageError: if there is no such file, or its ending or columns are not known.
        InvalidInput: naming the row that cannot be read, or the file if it is none of its kind.
    """
    if not file.is_file():
        msg = f"there is no file {file}"
        raise UsageError(msg)
    if file.suffix == ".txt":
        with readable(file), file.open(encoding="utf-8-sig") as lines:
            yield from (Asked(line.strip()) for line in lines if line.strip())
        return
    for row, record in enumerate(_records(file), start=1):
        yield _asked(record, row)


def _records(file: Path) -> Iterator[dict[str, Any]]:
    match file.suffix:
        case ".jsonl":
            yield from _json_lines(file)
        case ".csv" | ".parquet":
            for frame in _frames(file):
                if "user_id" not in frame.columns:
                    has = ", ".join(map(str, frame.columns))
                    msg = f"{file.name} has no column user_id; it has {has}"
                    raise UsageError(msg)
                yield from ({str(k): v for k, v in r.items()} for r in frame.to_dict("records"))
        case _:
            msg = f"{file.name}: diners are read from .txt, .csv, .jsonl or .parquet"
            raise UsageError(msg, next_step="save them as one of these")


def _frames(file: Path) -> Iterator[pd.DataFrame]:
    if file.suffix == ".csv":
        with (
            readable(file),
            pd.read_csv(file, dtype=str, keep_default_na=False, chunksize=_ROWS) as frames,
        ):
            yield from frames
        return
    with readable(file), pq.ParquetFile(file) as parquet:
        for batch in parquet.iter_batches(batch_size=_ROWS):
            yield batch.to_pandas()


def _json_lines(file: Path) -> Iterator[dict[str, Any]]:
    with readable(file), file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except ValueError as error:
                msg = f"{file.name}, line {number} is not JSON: {error}"
                raise InvalidInput(msg) from error
            if not isinstance(record, dict) or "user_id" not in record:
                msg = f"{file.name}, line {number} has no user_id"
                raise UsageError(msg)
            yield record


def _asked(record: dict[str, Any], row: int) -> Asked:
    try:
        return Asked(
            _name(record["user_id"]),
            _degrees("lat", record.get("lat"), 90),
            _degrees("lon", record.get("lon"), 180),
            _moment(record.get("at")),
            _texts(record.get("exclude")),
        )
    except (ValueError, TypeError) as error:
        msg = f"row {row} of the diners cannot be read: {error}"
        raise InvalidInput(msg, next_step="correct the row") from error


def _name(value: object) -> str:
    if value is None or value == "" or value != value:  # noqa: PLR0124 - NaN differs from itself
        msg = "it has no user_id"
        raise ValueError(msg)
    return str(value)


def _degrees(name: str, value: object, most: float) -> float | None:
    if value is None or value == "" or value != value:  # noqa: PLR0124 - NaN differs from itself
        return None
    number = float(str(value))
    if not -most <= number <= most:
        msg = f"{name} {value} is not between -{most} and {most}"
        raise ValueError(msg)
    return number


def _moment(value: object) -> datetime | None:
    if value is None or value == "" or value is pd.NaT or value != value:  # noqa: PLR0124 - NaN
        return None
    return value if isinstance(value, datetime) else datetime.fromisoformat(str(value))


def _texts(value: object) -> tuple[str, ...]:
    if value is None or (isinstance(value, float) and value != value):  # noqa: PLR0124 - NaN
        return ()
    if isinstance(value, str):
        return tuple(part for part in value.split("|") if part)
    return tuple(str(part) for part in np.asarray(value).tolist())
