"""Two archives of one log, row by row: what is in both, in one only, and what differs.

Told apart by diner and event id. When something was archived and where it stood in the log are no
part of an event; everything else is. Parts that fit in memory, as for attribution.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from maitred.archive.parts import PART_BYTES, in_parts, parts_for
from maitred.archive.rows import SCHEMA
from maitred.archive.scan import bytes_of, reading, scan
from maitred.ids import tombstone

__all__ = ["Comparison", "Known", "compare"]

_EXAMPLES: Final = 20
_UNPACKED: Final = 8
_OF_THE_ARCHIVE: Final = frozenset({"archived_at", "log_partition", "log_offset"})
_BODY: Final = [name for name in SCHEMA.names if name not in _OF_THE_ARCHIVE]
_Named = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Known:
    """What the archive says of itself."""

    read_until: Mapping[int, int]
    """How far the archiver has read the log, by partition; none at all: it is lost."""
    erased: Mapping[str, datetime]
    """When diners were erased, by tombstone."""
    key: str
    """The key of the tombstones."""


@dataclass(slots=True)
class Comparison:
    """How an archive and one rebuilt from the log differ, in events."""

    both: int = 0
    only_archive: int = 0
    """Older than what the log still holds, as a rule."""
    only_log: int = 0
    """Missing in the archive: a defect, or a deletion by hand."""
    waiting: int = 0
    """In the log, and not read by the archiver yet."""
    erased: int = 0
    """In the log, and of diners whom the archive erased while the log was read."""
    differing: int = 0
    examples: list[dict[str, str]] = field(default_factory=list)
    """Up to twenty events that are missing, and twenty that differ: event id and what is wrong."""

    @property
    def is_sound(self) -> bool:
        """Whether the archive misses nothing and differs in nothing."""
        return not (self.only_log or self.differing)

    def as_dict(self) -> dict[str, object]:
        """Return the comparison as plain JSON."""
        return {"schema": 1, "is_sound": self.is_sound, **asdict(self)}


def compare(
    archive: Path,
    rebuilt: Path,
    known: Known,
    *,
    advance: Callable[[int], None] = lambda _: None,
    part_bytes: int = PART_BYTES,
) -> Comparison:
    """Compare the archive with one rebuilt from the log.

    Rows wait beside ``rebuilt`` meanwhile. ``advance`` is told of rows as they are read.
    """
    found = Comparison()
    with (
        reading(archive, traffic=None, kinds=None) as ours,
        reading(rebuilt, traffic=None, kinds=None) as theirs,
    ):
        room = max(bytes_of(archive, ours), bytes_of(rebuilt, theirs)) * _UNPACKED
    parts = parts_for(room, part_bytes)

    def rows(folder: Path) -> Iterator[pa.Table]:
        for piece in scan(folder, traffic=None):
            advance(len(piece))
            yield piece

    sides = (in_parts(rows(folder), SCHEMA, parts, rebuilt.parent) for folder in (archive, rebuilt))
    for old, new in zip(*sides, strict=True):
        _compare(old, new, known, found)
    return found


def _compare(old: pa.Table, new: pa.Table, known: Known, found: Comparison) -> None:
    places, new_places = _places(old), _places(new)
    common = sorted(places.keys() & new_places.keys())
    found.both += len(common)
    found.only_archive += len(places) - len(common)
    for name in sorted(new_places.keys() - places.keys()):
        _place_missing(name, new.slice(new_places[name], 1).to_pylist()[0], known, found)
    left = old.take(pa.array([places[name] for name in common], pa.int64())).select(_BODY)
    right = new.take(pa.array([new_places[name] for name in common], pa.int64())).select(_BODY)
    if left.equals(right):
        return
    for name, one, other in zip(common, left.to_pylist(), right.to_pylist(), strict=True):
        fields = [column for column in _BODY if one[column] != other[column]]
        if fields:
            found.differing += 1
            _tell(found, name, f"differs in {', '.join(fields)}")


def _place_missing(name: _Named, row: dict[str, Any], known: Known, found: Comparison) -> None:
    partition, offset = row["log_partition"], row["log_offset"]
    gone_at = known.erased.get(tombstone(row["user_id"], known.key)) if known.erased else None
    if known.read_until and offset >= known.read_until.get(partition, 0):
        found.waiting += 1
    elif gone_at is not None and row["occurred_at"] <= gone_at:
        found.erased += 1
    else:
        found.only_log += 1
        _tell(found, name, f"missing at log partition {partition}, offset {offset}")


def _places(table: pa.Table) -> dict[_Named, int]:
    ids: Any = zip(table["user_id"].to_pylist(), table["event_id"].to_pylist(), strict=True)
    return {name: place for place, name in enumerate(ids)}


def _tell(found: Comparison, name: _Named, fault: str) -> None:
    kind = fault.partition(" ")[0]
    if sum(example["fault"].startswith(kind) for example in found.examples) < _EXAMPLES:
        found.examples.append({"event_id": name[1], "fault": fault})
