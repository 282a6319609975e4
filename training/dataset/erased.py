"""Diners whom the archive says were erased leave a data set too: it may be older than their wish."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pandas as pd

from maitred import archive
from maitred.ids import tombstone
from training.dataset.folder import Dataset, build

__all__ = ["saying", "without_erased"]


def without_erased(base: Dataset, folder: Path, key_of: Callable[[], str]) -> Dataset:
    """Return the data set without what erased diners did until they were erased; else ``base``.

    What is known of a diner bears no time, so it goes whole. ``key_of`` gives the key of
    tombstones; it is asked only where there are any.

    Raises:
        Refused: the tombstones were made with another key.
    """
    gone = archive.erased(folder)
    if not gone:
        return base
    key = key_of()
    archive.require_key(folder, key)
    rows = _is_erased(base.events, gone, key)
    known = None if base.users is None else _times(base.users["user_id"], gone, key).notna()
    count = int(rows.sum()) + (0 if known is None else int(known.sum()))
    if count == 0:
        return base
    users = base.users if base.users is None or known is None else base.users[~known]
    left = build(
        base.events[~rows],
        base.restaurants,
        users,
        source=base.meta.source,
        licence=base.meta.licence,
        part=base.meta.part,
        assumption=base.meta.assumption,
    )
    told = {"pseudonym_key_fingerprint": base.meta.pseudonym_key_fingerprint}
    whole = replace(left, meta=left.meta.model_copy(update=told))
    return saying(whole, base.meta.erased + count)


def saying(dataset: Dataset, erased: int) -> Dataset:
    """Return the data set with this count of erased rows in what it says of itself."""
    if erased == dataset.meta.erased:
        return dataset
    return replace(dataset, meta=dataset.meta.model_copy(update={"erased": erased}))


def _is_erased(events: pd.DataFrame, gone: dict[str, datetime], key: str) -> "pd.Series[bool]":
    until = _times(events["user_id"], gone, key)
    return until.notna() & (events["occurred_at"] <= until)


def _times(users: "pd.Series[str]", gone: dict[str, datetime], key: str) -> pd.Series:
    """Return, row by row, when the diner was erased; no time where he was not."""
    stones = {user: tombstone(user, key) for user in users.unique()}
    erased = {user: gone[stone] for user, stone in stones.items() if stone in gone}
    return pd.to_datetime(users.map(erased), utc=True)
