"""Rows of diners in Redis, one a model version: written when it is published, but not of the erased.

An erasure removes the rows of all versions that it finds published, after it left its tombstone. A
version that becomes visible meanwhile looks for tombstones once more, so that none slips through.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from maitred.artifact.diners import DinerRow
from maitred.artifact.folder import read_diners
from maitred.store import keys
from maitred.store.client import Redis
from maitred.store.erasures import Erasures

__all__ = ["forget", "write"]

_A_TRIP: Final = 1000


def write(redis: Redis, version: str, folder: Path, erasure_key: str | None) -> None:
    """Write the rows of a model folder, except those that know what was to be forgotten."""
    erasures = Erasures(redis, erasure_key)
    graves = erasures.shelves()
    for some in _chunks(folder):
        erased = erasures.of(some, graves)
        with redis.pipeline(transaction=False) as trip:
            for user, row in some.items():
                if not _must_go(row, erased.get(user)):
                    trip.set(keys.row(version, user), row.encode())
            trip.execute()


def forget(redis: Redis, version: str, folder: Path, erasure_key: str | None) -> None:
    """Remove rows that know what was to be forgotten, of a version that is published."""
    erasures = Erasures(redis, erasure_key)
    graves = erasures.shelves()
    if not graves:
        return
    for some in _chunks(folder):
        erased = erasures.of(some, graves)
        with redis.pipeline(transaction=False) as trip:
            for user, row in some.items():
                if _must_go(row, erased.get(user)):
                    trip.unlink(keys.row(version, user))
            trip.execute()


def _chunks(folder: Path) -> Iterator[dict[str, DinerRow]]:
    found = read_diners(folder)
    while some := dict(islice(found, _A_TRIP)):
        yield some


def _must_go(row: DinerRow, erased_at: float | None) -> bool:
    """Tell whether a row knows anything from before its diner's erasure; a diner may come back."""
    return erased_at is not None and (not row.at.size or float(row.at.min()) <= erased_at)
