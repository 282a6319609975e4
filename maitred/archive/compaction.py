"""Which small files become one. Pure: names, rows and bytes in, a choice out.

While a day runs, files are merged with those of their own size only, so that a row is written two
or three times in all; when it is over, what is left of it becomes one file, or several of 16 MiB
and more.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from maitred.archive.ledger import ArchivedFile

__all__ = ["ENOUGH_BYTES", "FAN_IN", "due"]

ENOUGH_BYTES: Final = 16 * 1024 * 1024
"""A file of this size is left alone."""
FAN_IN: Final = 64
"""Files of about one size at which they are merged."""
_FEW: Final = 4
"""Files that are merged when together they are twice as large as is enough."""


def due(files: Iterable[ArchivedFile], sizes: Mapping[str, int], today: str) -> list[ArchivedFile]:
    """Return the files of one folder to make one of now; none: there is nothing to do.

    ``sizes`` are bytes by path. Every merge leaves fewer files, so asking again comes to an end.
    """
    folders: dict[tuple[str, str, str], list[ArchivedFile]] = defaultdict(list)
    for file in files:
        folders[file.type, file.traffic, file.date].append(file)
    for (_, _, date), some in sorted(folders.items()):
        found = _left_over(some, sizes) if date < today else _of_one_size(some, sizes)
        if found:
            return found
    return []


def _left_over(files: Sequence[ArchivedFile], sizes: Mapping[str, int]) -> list[ArchivedFile]:
    small = [file for file in files if sizes[file.path] < ENOUGH_BYTES]
    if not small or len(files) == 1:
        return []
    if sum(sizes[file.path] for file in small) < ENOUGH_BYTES and len(small) < len(files):
        large = [file for file in files if sizes[file.path] >= ENOUGH_BYTES]
        small.append(min(large, key=lambda file: (sizes[file.path], file.path)))
    return small


def _of_one_size(files: Sequence[ArchivedFile], sizes: Mapping[str, int]) -> list[ArchivedFile]:
    """Return 64 and more files whose rows have as many hexadecimal digits, or fewer large ones."""
    tiers: dict[int, list[ArchivedFile]] = defaultdict(list)
    for file in files:
        if sizes[file.path] < ENOUGH_BYTES:
            tiers[(file.rows.bit_length() - 1) // 4].append(file)
    for _, tier in sorted(tiers.items()):
        together = sum(sizes[file.path] for file in tier)
        if len(tier) >= FAN_IN or (len(tier) >= _FEW and together >= 2 * ENOUGH_BYTES):
            return tier
    return []
