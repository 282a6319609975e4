"""What both kinds of tables need: checked columns, one verdict a row, duplicates told apart."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maitred.errors import InvalidDataset, MappingError
from maitred.ids import MAX_ID_CHARS
from training.dataset import columns
from training.dataset.mapping import ListColumn, Plain, Source, Table
from training.dataset.quarantine import FileAccount, Rejection
from training.dataset.sources import files
from training.dataset.sources.files import Chunk

__all__ = ["Context", "Seen", "Verdicts", "attributes", "cell", "checked_chunks", "ids", "place"]

Bools = NDArray[np.bool_]

BLANK: Final = "blank line"


@dataclass(frozen=True, slots=True)
class Context:
    """What holds for every file of one import."""

    folder: Path
    source: Source
    latest: datetime
    """Events after this moment are in the future."""
    advance: Callable[[str], None]
    """Called with each file's name before it is read."""


@dataclass(slots=True)
class Verdicts:
    """The first reason against each row of a chunk, if there is one."""

    chunk: Chunk
    reasons: NDArray[np.object_] = field(init=False)
    details: NDArray[np.object_] = field(init=False)
    good: Bools = field(init=False)
    """Rows with nothing against them."""
    blanked: dict[str, Bools] = field(default_factory=dict)
    """Where a cell was unreadable but its row can be kept without it, by column."""

    def __post_init__(self) -> None:
        self.good = np.ones(len(self.chunk.rows), dtype=np.bool_)
        self.reasons = np.full(len(self.chunk.rows), "", dtype=object)
        self.details = np.full(len(self.chunk.rows), "", dtype=object)
        blank = np.ones(len(self.chunk.rows), dtype=np.bool_)
        for name in self.chunk.rows.columns:
            texts = self.chunk.rows[name]
            blank &= (texts.isna() | (texts == "")).to_numpy()
        self.against(blank, BLANK)

    def against(self, rows: Bools, reason: str, details: pd.Series | None = None) -> None:
        """Give a reason against rows that have none yet; ``details`` holds the values at fault."""
        fresh = rows & self.good
        if not fresh.any():
            return
        self.good = self.good & ~rows
        self.reasons[fresh] = reason
        if details is not None:
            self.details[fresh] = details.astype("object").to_numpy()[fresh]

    def settle(self, account: FileAccount, repeats: Bools) -> Bools:
        """Enter every row into its file's account and return which are kept."""
        kept = self.good & ~repeats
        account.kept += int(kept.sum())
        account.duplicates += int(repeats.sum())
        account.rejections.extend(self.rejections())
        for name, cells in self.blanked.items():
            account.blanked[name] += int((cells & kept).sum())
        return kept

    def rejections(self) -> Iterator[Rejection]:
        """Yield the rows with a reason against them, as they were read."""
        for i in np.flatnonzero(~self.good):
            row = {k: v for k, v in self.chunk.rows.iloc[i].items() if isinstance(v, str)}
            text = json.dumps(row, ensure_ascii=False)
            detail = self.details[i] if isinstance(self.details[i], str) else ""
            yield Rejection(int(self.chunk.lines[i]), str(self.reasons[i]), detail, text)


@dataclass(slots=True)
class Seen:
    """Rows seen before: by key and content, as 64-bit hashes."""

    contents: dict[int, int] = field(default_factory=dict)

    def sort_out(
        self, keys: pd.DataFrame, content: pd.DataFrame, good: Bools
    ) -> tuple[Bools, Bools]:
        """Return which good rows repeat an earlier row exactly, and which only its key."""
        same, clash = np.zeros(len(keys), dtype=np.bool_), np.zeros(len(keys), dtype=np.bool_)
        key_hashes = pd.util.hash_pandas_object(keys, index=False).tolist()
        hashes = (
            key_hashes
            if content is keys
            else pd.util.hash_pandas_object(content, index=False).tolist()
        )
        for i in np.flatnonzero(good).tolist():
            before = self.contents.get(key_hashes[i])
            if before is None:
                self.contents[key_hashes[i]] = hashes[i]
            elif before == hashes[i]:
                same[i] = True
            else:
                clash[i] = True
        return same, clash


def checked_chunks(table: Table, context: Context) -> Iterator[tuple[FileAccount, Chunk, Verdicts]]:
    """Yield every chunk of a table's files, with broken lines already in the file's account.

    Raises:
        MappingError: if a file lacks a mapped column; its columns are listed.
        InvalidDataset: if a file is empty.
    """
    for file in files.matching(context.folder, table.file):
        context.advance(file.name)
        account = FileAccount(file.relative_to(context.folder).as_posix())
        for chunk in files.chunks(file, context.source.encoding):
            _require_columns(table, chunk, account.file)
            account.rows_read += len(chunk.rows) + len(chunk.broken)
            account.rejections.extend(chunk.broken)
            yield account, chunk, Verdicts(chunk)
        if not account.rows_read:
            msg = f"{account.file} is empty: it has a header and no rows"
            raise InvalidDataset(msg, next_step="export it again, or leave it out of the mapping")


def _require_columns(table: Table, chunk: Chunk, file: str) -> None:
    names = [str(name) for name in chunk.rows.columns]
    if not names:  # nothing but broken lines
        return
    missing = [(key, column) for key, column in table.columns() if names.count(column) != 1]
    if not missing:
        return
    fields = tuple(
        (key, f"column '{c}' stands {names.count(c)} times" if c in names else f"no column '{c}'")
        for key, c in missing
    )
    listing = "; ".join(f"{key}: {reason}" for key, reason in fields)
    msg = f"{file} does not fit the mapping: {listing}. Its columns are: {', '.join(names)}"
    raise MappingError(msg, fields=fields, next_step="correct the names in the mapping")


def cell(chunk: Chunk, rule: Plain) -> pd.Series:
    """Return one mapped column as read."""
    return chunk.rows[rule.column]


def ids(chunk: Chunk, rule: Plain, name: str, verdicts: Verdicts) -> pd.Series:
    """Return a column of ids; rows where it is missing or too long are rejected."""
    found = columns.texts(cell(chunk, rule))
    verdicts.against(found.isna().to_numpy(), f"missing {name}")
    too_long = (found.str.len() > MAX_ID_CHARS).to_numpy(dtype=np.bool_, na_value=False)
    verdicts.against(too_long, f"{name} over {MAX_ID_CHARS} characters", found.str[:40])
    return found


def place(
    chunk: Chunk, lat: Plain | None, lon: Plain | None, verdicts: Verdicts
) -> dict[str, pd.Series]:
    """Return latitudes and longitudes; half a place or one off the globe is blanked."""
    if lat is None or lon is None:
        return {}
    lats, verdicts.blanked["lat"] = columns.numbers(cell(chunk, lat), -90, 90)
    lons, verdicts.blanked["lon"] = columns.numbers(cell(chunk, lon), -180, 180)
    both = lats.notna() & lons.notna()
    return {"lat": lats.where(both), "lon": lons.where(both)}


def attributes(chunk: Chunk, rules: tuple[ListColumn, ...]) -> pd.Series:
    """Return ``column=value`` texts for each row, from several columns."""
    parts = [
        [
            tuple(f"{rule.column}={m}" for m in members)
            for members in columns.lists(cell(chunk, rule), rule)
        ]
        for rule in rules
    ]
    joined = [sum(row, ()) for row in zip(*parts, strict=True)] or [()] * len(chunk.rows)
    return pd.Series(joined, index=chunk.rows.index, dtype=object)
