"""A data set as a value, and as a folder that others may read without us.

The folder is written whole or not at all. Nothing here looks at a clock: the same rows give the
same fingerprint and the same bytes, wherever and whenever they are written.
"""

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from maitred.errors import InvalidDataset, Refused, UsageError
from training.dataset import schema
from training.dataset.quarantine import Accounts

__all__ = ["Counts", "Dataset", "DatasetMeta", "build", "load", "refuse_foreign_folder", "save"]

_NO_DATASET = "make one with `maitred data fetch entree`, `data synth` or `data import`"


class Counts(BaseModel):
    """How much there is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    events: int
    orders: int
    clicks: int
    users: int
    restaurants: int


class DatasetMeta(BaseModel):
    """``dataset.json``: where the rows come from and what they are."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_version: Literal[1] = Field(1, alias="schema")
    source: str
    licence: str | None = None
    part: str | None = None
    """Which part of a split this is, such as ``train of protocol last``; None: the whole."""
    currency: str | None = None
    assumed_values: bool = False
    """Whether money in it was assumed rather than observed; reports must then say so."""
    assumption: str | None = None
    """The sentence that reports print when values are assumed."""
    counts: Counts
    first_at: str | None = None
    last_at: str | None = None
    """Time range of the events, RFC 3339."""
    fingerprint: str
    """sha256 of the content; independent of row order, place and clock."""
    erased: int = 0
    """Rows of events and diners that left it because these diners asked to be forgotten."""
    pseudonym_key_fingerprint: str | None = None
    """Which key made the diners' ids, where they are pseudonyms of ours."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """Events, restaurants and perhaps diners; frames are in canonical order and not to be changed."""

    events: pd.DataFrame
    """Columns of :data:`training.dataset.schema.EVENTS`, by time, then event id."""
    restaurants: pd.DataFrame
    """Columns of :data:`training.dataset.schema.RESTAURANTS`, by id."""
    users: pd.DataFrame | None
    """Columns of :data:`training.dataset.schema.USERS`, by id; None: nothing is known."""
    meta: DatasetMeta

    @property
    def choices(self) -> pd.DataFrame:
        """The events that are choices (orders)."""
        return self.events[self.events["type"] == "order"]


def build(  # noqa: PLR0913 - what dataset.json says of the rows, word by word
    events: pd.DataFrame,
    restaurants: pd.DataFrame,
    users: pd.DataFrame | None,
    *,
    source: str,
    licence: str | None = None,
    part: str | None = None,
    assumption: str | None = None,
    pseudonym_key_fingerprint: str | None = None,
) -> Dataset:
    """Return a data set: types fixed, rows in canonical order, counted and fingerprinted.

    Restaurants that only events name get a row with nothing but their id. ``assumption`` is the
    sentence about assumed money, if any is; ``pseudonym_key_fingerprint`` names the key that made
    the diners' ids, where one did. Absent columns become null.

    Raises:
        InvalidDataset: if a column does not hold what its name says.
    """
    restaurants = _with_every_restaurant(restaurants, events)
    tables = [
        None if frame is None else schema.in_canonical_order(schema.table_of(frame, columns))
        for frame, columns in (
            (events, schema.EVENTS),
            (restaurants, schema.RESTAURANTS),
            (users, schema.USERS),
        )
    ]
    frames = [None if table is None else schema.frame_of(table) for table in tables]
    kept, known, diners = frames
    if kept is None or known is None:  # only for the type checker: both were given
        msg = "a data set needs events and restaurants"
        raise InvalidDataset(msg)
    meta = DatasetMeta(
        source=source,
        licence=licence,
        part=part,
        currency=_currency(kept),
        assumed_values=assumption is not None,
        assumption=assumption,
        counts=_counts(kept, known),
        first_at=None if kept.empty else kept["occurred_at"].iloc[0].isoformat(),
        last_at=None if kept.empty else kept["occurred_at"].iloc[-1].isoformat(),
        fingerprint=schema.digest(*tables),
        pseudonym_key_fingerprint=pseudonym_key_fingerprint,
    )
    return Dataset(kept, known, diners, meta)


def _with_every_restaurant(restaurants: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
    unknown = pd.Index(events["restaurant_id"].unique()).difference(
        pd.Index(restaurants["restaurant_id"])
    )
    if unknown.empty:
        return restaurants
    bare = pd.DataFrame({"restaurant_id": unknown})
    return bare if restaurants.empty else pd.concat([restaurants, bare], ignore_index=True)


def _currency(events: pd.DataFrame) -> str | None:
    names = sorted(events["currency"].dropna().unique())
    return ",".join(names) or None


def _counts(events: pd.DataFrame, restaurants: pd.DataFrame) -> Counts:
    kinds = events["type"].value_counts()
    return Counts(
        events=len(events),
        orders=int(kinds.get("order", 0)),
        clicks=int(kinds.get("click", 0)),
        users=int(events["user_id"].nunique()),
        restaurants=len(restaurants),
    )


def load(folder: Path) -> Dataset:
    """Read a data set folder.

    Raises:
        UsageError: if there is no such folder.
        InvalidDataset: if it is not a data set folder, or a file or column of it is wrong.
    """
    if not folder.is_dir():
        msg = f"there is no data set folder at {folder}"
        raise UsageError(msg, next_step=_NO_DATASET)
    events = _read(folder / "events.parquet", schema.EVENTS)
    restaurants = _read(folder / "restaurants.parquet", schema.RESTAURANTS)
    users_file = folder / "users.parquet"
    users = _read(users_file, schema.USERS) if users_file.exists() else None
    meta = _read_meta(folder / "dataset.json")
    return Dataset(
        schema.frame_of(events),
        schema.frame_of(restaurants),
        None if users is None else schema.frame_of(users),
        meta,
    )


def _read(file: Path, columns: pa.Schema) -> pa.Table:
    try:
        table = pq.read_table(file)
    except FileNotFoundError as error:
        msg = f"{file.parent} is not a data set folder: {file.name} is missing"
        raise InvalidDataset(msg, next_step=_NO_DATASET) from error
    except (pa.ArrowInvalid, OSError) as error:
        msg = f"{file} cannot be read as Parquet: {error}"
        raise InvalidDataset(msg, next_step="make the data set again") from error
    return schema.in_canonical_order(schema.conform(table, columns, str(file)))


def _read_meta(file: Path) -> DatasetMeta:
    try:
        return DatasetMeta.model_validate_json(file.read_bytes())
    except FileNotFoundError as error:
        msg = f"{file.parent} is not a data set folder: {file.name} is missing"
        raise InvalidDataset(msg, next_step=_NO_DATASET) from error
    except ValidationError as error:
        where = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        msg = f"{file} is not of the form this version reads: {where}"
        raise InvalidDataset(msg, next_step="make the data set again") from error


def refuse_foreign_folder(folder: Path, *, force: bool = False) -> None:
    """Refuse to write where something else than a data set of ours stands.

    Raises:
        Refused: if it is a file, or a folder of other things and ``force`` is not set.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        msg = f"{folder} is a file, not a folder"
        raise Refused(msg, next_step="name another --out")
    if force:
        return
    if any(folder.iterdir()) and not (folder / "dataset.json").is_file():
        msg = f"{folder} holds something else than a data set; nothing was written"
        raise Refused(msg, next_step="name another --out, or add --force to replace it")


def save(
    dataset: Dataset, folder: Path, *, accounts: Accounts | None = None, force: bool = False
) -> None:
    """Write the folder whole or not at all; an older data set there is replaced.

    ``accounts`` says what was read, kept and rejected: it becomes ``validation.json`` and
    ``quarantine/``.

    Raises:
        Refused: if something else than a data set stands there and ``force`` is not set.
    """
    refuse_foreign_folder(folder, force=force)
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        _write(dataset, staging)
        (accounts or Accounts()).write(staging)
        staging.chmod(0o755)
        if folder.exists():
            retired = staging / ".retired"
            folder.rename(retired)
            staging.rename(folder)
            shutil.rmtree(folder / ".retired")
        else:
            staging.rename(folder)
    finally:
        if staging.exists():
            shutil.rmtree(staging)


def _write(dataset: Dataset, folder: Path) -> None:
    for frame, columns, name in (
        (dataset.events, schema.EVENTS, "events"),
        (dataset.restaurants, schema.RESTAURANTS, "restaurants"),
        (dataset.users, schema.USERS, "users"),
    ):
        if frame is not None:
            table = schema.table_of(frame, columns)
            pq.write_table(table, folder / f"{name}.parquet", compression="zstd")
    text = json.dumps(dataset.meta.model_dump(by_alias=True), indent=2, sort_keys=True)
    (folder / "dataset.json").write_text(text + "\n", encoding="utf-8")
