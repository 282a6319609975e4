"""``maitred recommend``: the lists that serving would give, for a file of diners, without a server.

The same two stages and the same rungs: a diner with a history gets ``personalised``, anybody else
the list of their place and hour, or the popular one. No exploration, no deadline.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maitred import geo
from maitred.artifact import (
    DinerRow,
    Model,
    daypart,
    load,
    score,
    segment_keys,
    shortlist,
    taste_of,
)
from maitred.artifact.folder import read_diners
from maitred.artifact.segments import ANY, key
from maitred.errors import InvalidInput, UsageError
from maitred.features import EMPTY
from maitred.policy import dial, greedy
from training.dataset.deps import dependencies
from training.screen import manifest_of, progress

__all__ = ["Asked", "read_users", "recommend"]

_EVERYWHERE = key(ANY, ANY, ANY)


@dataclass(frozen=True, slots=True)
class Asked:
    """One diner asked for."""

    user_id: str
    lat: float | None = None
    lon: float | None = None
    at: datetime | None = None
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lists:
    """How lists are made: their length, the dial (None: the artefact's own ranking), the mask."""

    k: int
    weight: float | None
    mask: bool


def recommend(
    run: Path, users: Path, *, k: int, revenue_weight: float | None, mask: bool, out: Path | None
) -> None:
    """Write one line for every diner asked, in input order.

    Raises:
        UsageError: if a file or folder does not exist, or the file's form is not known.
        InvalidInput: if a revenue weight is asked of a revenue run, or a row cannot be read.
    """
    if manifest_of(run).objective == "revenue" and revenue_weight is not None:
        msg = "revenue_weight turns the dial of a clicks run; value is already in this run's fit"
        raise InvalidInput(msg, next_step="omit --revenue-weight, or name a clicks run")
    if out is not None and out.suffix not in {".jsonl", ".parquet"}:
        msg = f"--out must end in .jsonl or .parquet, not '{out.suffix}'"
        raise UsageError(msg)
    asked = read_users(users)
    deps = dependencies()
    model = load(run / "model")
    wanted = {a.user_id for a in asked}
    rows = {user: row for user, row in read_diners(run / "model") if user in wanted}
    lists = Lists(k, revenue_weight, mask)
    with progress(deps.progress) as bar:
        lines = [
            line
            for line in _lines(model, rows, asked, lists)
            if bar("recommend", 1) is None  # counts each line
        ]
    if out is None:
        for line in lines:
            print(json.dumps(line))  # noqa: T201 - the lines are the command's result
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix == ".parquet":
        pd.DataFrame(lines).to_parquet(out, index=False)
    else:
        out.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def _lines(
    model: Model, rows: dict[str, DinerRow], asked: Sequence[Asked], lists: Lists
) -> Iterator[dict[str, Any]]:
    zone = ZoneInfo(model.catalogue.usual_timezone)
    for one in asked:
        rung, items, scores = _list(model, rows.get(one.user_id), one, lists, zone)
        yield {
            "user_id": one.user_id,
            "rung": rung,
            "items": [
                {"restaurant_id": model.catalogue.ids[i], "rank": rank, "score": float(s)}
                for rank, (i, s) in enumerate(zip(items, scores, strict=True), start=1)
            ],
        }


def _list(
    model: Model, row: DinerRow | None, one: Asked, lists: Lists, zone: ZoneInfo
) -> tuple[str, NDArray[np.intp], NDArray[np.float64]]:
    taste = taste_of(row, EMPTY, model.catalogue.index)
    out = [i for r in one.exclude if (i := model.catalogue.index.get(r)) is not None]
    out += taste.items.tolist() if lists.mask else []
    rows = np.delete(model.catalogue.everything, np.array(out, dtype=np.intp))
    if taste.is_known:
        scored = score(model, taste, shortlist(model, taste, rows))
        scores = dial(scored.log_p, scored.log_v, lists.weight)
        best = greedy(scores, lists.k)
        return "personalised", scored.candidates[best], scores[best]
    return _cold(model, one, rows, lists, zone)


def _cold(
    model: Model, one: Asked, rows: NDArray[np.intp], lists: Lists, zone: ZoneInfo
) -> tuple[str, NDArray[np.intp], NDArray[np.float64]]:
    """Return the narrowest list that fits, continued by what is popular where it is too short."""
    popular_items, popular_scores = _popular(model, rows, lists)
    for name in _segments(one, zone):
        segment = model.segments.get(name)
        if segment is None:
            continue
        order = np.argsort(segment.items)
        inside = order[np.isin(segment.items[order], rows)]
        if not inside.size:
            continue
        items = segment.items[inside].astype(np.intp)
        shares = segment.scores[inside].astype(np.float64)
        scores = dial(shares, model.log_values[items], lists.weight)
        best = greedy(scores, lists.k)
        more = ~np.isin(popular_items, items)
        room = lists.k - best.size
        rest = np.minimum(popular_scores[more][:room], scores[best[-1]])
        return (
            "segment",
            np.concatenate([items[best], popular_items[more][:room]]),
            np.concatenate([scores[best], rest]),
        )
    return "popular", popular_items[: lists.k], popular_scores[: lists.k]


def _popular(
    model: Model, rows: NDArray[np.intp], lists: Lists
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    pool = np.sort(rows[np.argsort(model.popular_rank[rows])[:500]])
    shares = model.log_shares_of(pool)
    scores = dial(shares, model.log_values[pool], lists.weight)
    best = greedy(scores, pool.size)
    return pool[best], scores[best]


def _segments(one: Asked, zone: ZoneInfo) -> Iterator[str]:
    if one.at is None:
        part = ANY
    else:
        part = daypart(one.at if one.at.tzinfo is None else one.at.astimezone(zone))
    names = segment_keys(geo.area(one.lat, one.lon), part, None)
    return (name for name in names if name != _EVERYWHERE)


def read_users(file: Path) -> list[Asked]:
    """Read the diners asked for, in file order, duplicates kept.

    ``.txt`` holds an id a line; ``.csv``, ``.jsonl`` and ``.parquet`` a column ``user_id`` and
    perhaps ``lat lon at exclude`` (a list, or texts separated by ``|``).

    Raises:
        UsageError: if there is no such file, or its ending or columns are not known.
        InvalidInput: naming the row that cannot be read.
    """
    if not file.is_file():
        msg = f"there is no file {file}"
        raise UsageError(msg)
    if file.suffix == ".txt":
        lines = file.read_text(encoding="utf-8-sig").splitlines()
        return [Asked(line.strip()) for line in lines if line.strip()]
    records = _records(file)
    return [_asked(record, row) for row, record in enumerate(records, start=1)]


def _records(file: Path) -> list[dict[str, Any]]:
    match file.suffix:
        case ".csv":
            frame = pd.read_csv(file, dtype=str, keep_default_na=False)
        case ".parquet":
            frame = pd.read_parquet(file)
        case ".jsonl":
            return _json_lines(file)
        case _:
            msg = f"{file.name}: diners are read from .txt, .csv, .jsonl or .parquet"
            raise UsageError(msg)
    if "user_id" not in frame.columns:
        msg = f"{file.name} has no column user_id; it has {', '.join(map(str, frame.columns))}"
        raise UsageError(msg)
    return [{str(k): v for k, v in row.items()} for row in frame.to_dict("records")]


def _json_lines(file: Path) -> list[dict[str, Any]]:
    records = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
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
        records.append(record)
    return records


def _asked(record: dict[str, Any], row: int) -> Asked:
    try:
        return Asked(
            str(record["user_id"]),
            _number(record.get("lat")),
            _number(record.get("lon")),
            _moment(record.get("at")),
            _texts(record.get("exclude")),
        )
    except (ValueError, TypeError) as error:
        msg = f"row {row} of the diners cannot be read: {error}"
        raise InvalidInput(msg, next_step="correct the row") from error


def _number(value: object) -> float | None:
    if value is None or value == "" or value != value:  # noqa: PLR0124 - NaN differs from itself
        return None
    number = float(str(value))
    if not np.isfinite(number):
        msg = f"{value} is not a coordinate"
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
