"""What happened to every row that was read: kept, an exact duplicate, or quarantined and why.

``rows read = kept + quarantined + exact duplicates``, for every file; there is no fourth way.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

WITHHELD = "withheld: a pseudonym key is set; the source file has it"
"""Instead of a rejected row, which may name its diner anywhere."""

__all__ = ["EXAMPLES", "WITHHELD", "Accounts", "FileAccount", "Rejection"]

EXAMPLES = 10
"""How many examples of each reason reports show."""

_COLUMNS = pa.schema(
    [
        ("source_file", pa.string()),
        ("line", pa.int64()),
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("row", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class Rejection:
    """One row that was not kept."""

    line: int
    """Line of its file, from 1, header included; of Parquet: the row, from 1."""
    reason: str
    """One of few words, so that rejections can be counted by it."""
    detail: str
    """The value at fault, for a person."""
    row: str
    """The row as it was read."""


@dataclass(slots=True)
class FileAccount:
    """The account of one file; ``rows_read`` must equal the other three together."""

    file: str
    rows_read: int = 0
    kept: int = 0
    duplicates: int = 0
    rejections: list[Rejection] = field(default_factory=list)
    blanked: Counter[str] = field(default_factory=Counter)
    """Cells that were unreadable in kept rows, by column; the row was kept without them."""

    @property
    def quarantined(self) -> int:
        """How many rows went to quarantine."""
        return len(self.rejections)

    @property
    def reasons(self) -> Counter[str]:
        """How often each reason was given."""
        return Counter(rejection.reason for rejection in self.rejections)

    @property
    def balances(self) -> bool:
        """Whether every row that was read is accounted for."""
        return self.rows_read == self.kept + self.duplicates + self.quarantined

    def withheld(self) -> "FileAccount":
        """Return the account without the content of any row."""
        return replace(
            self, rejections=[replace(row, detail="", row=WITHHELD) for row in self.rejections]
        )

    def summary(self) -> dict[str, Any]:
        """Return the account as plain JSON, with examples of each reason."""
        examples: dict[str, list[Mapping[str, object]]] = {}
        for rejection in self.rejections:
            shown = examples.setdefault(rejection.reason, [])
            if len(shown) < EXAMPLES:
                shown.append({"line": rejection.line, "detail": rejection.detail})
        return {
            "file": self.file,
            "rows_read": self.rows_read,
            "kept": self.kept,
            "quarantined": self.quarantined,
            "duplicates": self.duplicates,
            "reasons": dict(self.reasons.most_common()),
            "examples": examples,
            "blanked_cells": dict(sorted(self.blanked.items())),
        }


@dataclass(frozen=True, slots=True)
class Accounts:
    """The accounts of one import, and notes a person should read."""

    files: Sequence[FileAccount] = ()
    notes: Sequence[str] = ()

    def withheld(self) -> "Accounts":
        """Return the same accounts without the content of any row: file, line and reason stay."""
        return replace(self, files=[account.withheld() for account in self.files])

    def summary(self) -> dict[str, Any]:
        """Return what ``validation.json`` holds."""
        total = {
            name: sum(getattr(account, name) for account in self.files)
            for name in ("rows_read", "kept", "quarantined", "duplicates")
        }
        files = [account.summary() for account in self.files]
        return {"schema": 1, "total": total, "files": files, "notes": list(self.notes)}

    def write(self, folder: Path) -> None:
        """Write ``validation.json`` and one Parquet file per source file with rejected rows."""
        text = json.dumps(self.summary(), indent=2, ensure_ascii=False)
        (folder / "validation.json").write_text(text + "\n", encoding="utf-8")
        home = folder / "quarantine"
        home.mkdir()
        for account in self.files:
            if not account.rejections:
                continue
            rows = [
                {
                    "source_file": account.file,
                    "line": rejection.line,
                    "reason": rejection.reason,
                    "detail": rejection.detail,
                    "row": rejection.row,
                }
                for rejection in account.rejections
            ]
            name = account.file.replace("/", "__") + ".parquet"
            pq.write_table(pa.Table.from_pylist(rows, schema=_COLUMNS), home / name)
