"""Tables in files, as chunks of text columns with the line each row stands on.

Everything is text here: what a text means is `columns`' business. A row that is no row of the
table (too few or too many fields, broken JSON) is told apart, never dropped.
"""

import codecs
import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from maitred.errors import InvalidDataset, MappingError
from training.dataset.quarantine import Rejection

__all__ = ["LIST_MARK", "Chunk", "chunks", "matching"]

LIST_MARK: Final = "\x1f"
"""Between the members of a list that a file itself stores as a list (Parquet, JSON)."""

_BLOCK_BYTES: Final = 16 * 1024 * 1024
_ROWS: Final = 200_000
_DELIMITERS: Final = ",;\t|"


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of a file."""

    rows: pd.DataFrame
    """Text columns; missing cells are NaN in JSON and Parquet, empty texts in CSV."""
    lines: NDArray[np.int64]
    """For each row, the line it starts on (of Parquet: its number), from 1."""
    broken: tuple[Rejection, ...] = ()
    """Lines that are no rows."""


def matching(folder: Path, pattern: str) -> list[Path]:
    """Return the files that a pattern names, sorted.

    Raises:
        MappingError: if there is none; the folder's files are listed.
    """
    if not folder.is_dir():
        msg = f"there is no folder {folder}"
        raise MappingError(msg, next_step="name the folder of the files with --source")
    if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
        msg = f"file '{pattern}' must stay inside the source folder"
        raise MappingError(msg, next_step="name files relative to --source")
    files = sorted(path for path in folder.glob(pattern) if path.is_file())
    if not files:
        there = ", ".join(sorted(p.name for p in folder.iterdir() if p.is_file())) or "no file"
        msg = f"no file in {folder} matches '{pattern}'; there is {there}"
        raise MappingError(msg, next_step="correct `file` in the mapping, or --source")
    return files


def chunks(file: Path, encoding: str = "auto") -> Iterator[Chunk]:
    """Yield a file's rows; the kind of file is told by its name.

    Raises:
        InvalidDataset: if the file is empty or cannot be read as what its name says.
        MappingError: if the kind of file is unknown.
    """
    kind = next((s for s in reversed(file.suffixes) if s not in (".gz", ".bz2")), "").lower()
    if file.stat().st_size == 0:
        msg = f"{file.name} is empty"
        raise InvalidDataset(msg, next_step="export it again, or leave it out of the mapping")
    readers = {".csv": _csv, ".tsv": _csv, ".txt": _csv, ".jsonl": _jsonl, ".ndjson": _jsonl}
    try:
        if kind == ".parquet":
            yield from _parquet(file)
        elif kind in readers:
            yield from readers[kind](file, encoding)
        else:
            msg = f"{file.name}: only CSV, TSV, JSONL and Parquet are read"
            raise MappingError(msg, next_step="export the table in one of these forms")
    except (pa.ArrowInvalid, UnicodeError, OSError) as error:
        msg = f"{file.name} cannot be read: {error}"
        raise InvalidDataset(msg, next_step="check the file and [source] encoding") from error


def _encoding_of(file: Path, encoding: str) -> str:
    """Return the file's encoding: as told, by its mark, UTF-8 if it is, else Latin-1."""
    if encoding != "auto":
        return encoding
    decoder = codecs.getincrementaldecoder("utf-8")()
    with pa.input_stream(str(file), compression="detect") as stream:
        head = stream.read(4096)
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        try:
            while head:
                decoder.decode(head)
                head = stream.read(_BLOCK_BYTES)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "latin-1"
    return "utf-8"


def _csv(file: Path, encoding: str) -> Iterator[Chunk]:
    encoding = _encoding_of(file, encoding)
    header, delimiter = _header(file, encoding)
    invalid: list[tuple[int, str]] = []

    def note(row: Any) -> str:  # noqa: ANN401 - pyarrow's InvalidRow has no type
        invalid.append((row.number, row.text))
        return "skip"

    with pa.input_stream(str(file), compression="detect") as stream:
        reader = pcsv.open_csv(
            stream,
            read_options=pcsv.ReadOptions(
                use_threads=False,
                block_size=_BLOCK_BYTES,
                encoding=encoding,
                column_names=header,
                skip_rows=1,
            ),
            parse_options=pcsv.ParseOptions(
                delimiter=delimiter,
                newlines_in_values=True,
                ignore_empty_lines=False,
                invalid_row_handler=note,
            ),
            convert_options=pcsv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=False
            ),
        )
        counter = _LineCounter()
        for batch in reader:
            yield counter.place(pa.table(batch).to_pandas().astype("str"), invalid)
        if invalid:
            yield counter.place(pd.DataFrame(columns=pd.Index(header), dtype="str"), invalid)


def _header(file: Path, encoding: str) -> tuple[list[str], str]:
    with pa.input_stream(str(file), compression="detect") as stream:
        text = stream.read(65536).decode(encoding, errors="replace").removeprefix("\ufeff")
    line = text.splitlines()[0] if text.strip() else ""
    delimiter = max(_DELIMITERS, key=line.count)
    return _distinct(next(csv.reader([line], delimiter=delimiter), [])), delimiter


def _distinct(names: list[str]) -> list[str]:
    """Number the columns that share a name, so that a mapping cannot mean one by chance."""
    return [
        name if names.count(name) == 1 else f"{name} ({names[: i + 1].count(name)})"
        for i, name in enumerate(names)
    ]


@dataclass(slots=True)
class _LineCounter:
    """Finds the line of each row: rows that were skipped and quoted line ends count too."""

    row: int = 2
    """Number of the next row; the header is 1."""
    extra: int = 0
    """Line ends met inside quoted cells so far."""

    def place(self, frame: pd.DataFrame, invalid: list[tuple[int, str]]) -> Chunk:
        """Return the chunk of ``frame``; what ``invalid`` holds up to its end is used up."""
        skipped = np.array([number for number, _ in invalid], dtype=np.int64)
        numbers = np.arange(self.row, self.row + len(frame) + len(skipped))
        numbers = numbers[~np.isin(numbers, skipped)][: len(frame)]
        end = int(numbers[-1]) + 1 if len(numbers) else self.row
        used = [one for one in invalid if one[0] < end or not len(frame)]
        invalid[:] = invalid[len(used) :]
        breaks = np.zeros(len(frame), dtype=np.int64)
        for name in frame.columns:
            texts = pa.array(frame[name], type=pa.large_string(), from_pandas=True)
            breaks += pc.fill_null(pc.count_substring(texts, "\n"), 0).to_numpy()
        numbered = np.concatenate([numbers, [number for number, _ in used]]).astype(np.int64)
        breaks = np.concatenate([breaks, [text.count("\n") for _, text in used]]).astype(np.int64)
        order = np.argsort(numbered, kind="stable")
        lines = numbered.copy()
        lines[order] += self.extra + np.cumsum(breaks[order]) - breaks[order]
        broken = tuple(
            Rejection(int(line), "wrong number of fields", text[:80], text)
            for line, (_, text) in zip(lines[len(frame) :], used, strict=True)
        )
        self.extra += int(breaks.sum())
        self.row = max([end, *(number + 1 for number, _ in used)])
        return Chunk(frame, lines[: len(frame)], broken)


def _jsonl(file: Path, encoding: str) -> Iterator[Chunk]:
    encoding = _encoding_of(file, encoding)
    rows, lines, broken = list[dict[str, str]](), list[int](), list[Rejection]()
    names: dict[str, None] = {}
    with pa.input_stream(str(file), compression="detect") as stream:
        for number, line in enumerate(codecs.getreader(encoding)(stream), 1):
            text = line.strip().removeprefix("\ufeff")
            try:
                row = json.loads(text) if text else None
            except json.JSONDecodeError as error:
                broken.append(Rejection(number, "not JSON", str(error), text))
                continue
            if not isinstance(row, dict):
                broken.append(Rejection(number, "not a JSON object", text[:80], text))
                continue
            names |= dict.fromkeys(row)
            rows.append({key: _json_text(value) for key, value in row.items() if value is not None})
            lines.append(number)
            if len(rows) == _ROWS:
                yield Chunk(_text_frame(rows, names), np.array(lines), tuple(broken))
                rows, lines, broken = [], [], []
    yield Chunk(_text_frame(rows, names), np.array(lines, dtype=np.int64), tuple(broken))


def _text_frame(rows: list[dict[str, str]], names: dict[str, None]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=pd.Index(list(names))).astype("str")


def _json_text(value: object) -> str:
    if isinstance(value, list):
        return LIST_MARK.join(_json_text(one) for one in value)
    return value if isinstance(value, str) else json.dumps(value)


def _parquet(file: Path) -> Iterator[Chunk]:
    start = 1
    with pq.ParquetFile(file) as parquet:
        for batch in parquet.iter_batches(batch_size=_ROWS):
            columns = {name: _arrow_text(batch.column(name)) for name in batch.schema.names}
            frame = pa.table(columns).to_pandas().astype("str")
            yield Chunk(frame, np.arange(start, start + len(frame)))
            start += len(frame)


def _arrow_text(column: pa.Array) -> pa.Array:
    """Return a column as text; whole floats lose their ``.0``, lists become marked texts."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
        return pc.binary_join(column.cast(pa.list_(pa.string())), LIST_MARK)
    if pa.types.is_floating(column.type):
        whole = pc.all(pc.equal(pc.round(column), column)).as_py()
        if whole and (pc.max(pc.abs(column)).as_py() or 0) < 2**53:
            column = column.cast(pa.int64())
    return column.cast(pa.string())
