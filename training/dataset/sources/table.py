"""The reader for tables that a mapping describes: restaurants first, then events, then diners."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pandas as pd

from maitred.errors import InvalidDataset
from training.dataset import schema
from training.dataset.mapping import ImportMapping
from training.dataset.quarantine import Accounts, FileAccount
from training.dataset.sources.imported import Imported
from training.dataset.sources.rows import Context
from training.dataset.sources.table_events import EventsReader
from training.dataset.sources.table_places import read_restaurants, read_users

__all__ = ["read"]


def read(
    mapping: ImportMapping,
    folder: Path,
    *,
    latest: datetime,
    advance: Callable[[str], None] = lambda _: None,
) -> Imported:
    """Read the files that a mapping names.

    Args:
        mapping: what they hold.
        folder: where they are.
        latest: events after this moment are in the future, and quarantined.
        advance: called with each file's name before it is read, for progress.

    Raises:
        MappingError: if a file or column does not exist.
        InvalidDataset: if a file is empty, or no event was fit to keep.
    """
    context = Context(folder, mapping.source, latest, advance)
    accounts = list[FileAccount]()
    restaurants = schema.empty(schema.RESTAURANTS)
    known: frozenset[str] | None = None
    if mapping.restaurants is not None:
        restaurants, read_files = read_restaurants(mapping.restaurants, context)
        accounts += read_files
        known = frozenset(restaurants["restaurant_id"])
    reader = EventsReader(context, known)
    kept = [frame for table in mapping.events for frame in reader.read(table)]
    accounts += reader.accounts
    events = pd.concat(kept, ignore_index=True)
    if events.empty:
        raise _nothing_kept(reader.accounts)
    users = None
    if mapping.users is not None:
        users, read_files = read_users(mapping.users, context)
        accounts += read_files
    return Imported(
        events=events,
        restaurants=restaurants,
        users=_with_regions(users, events),
        accounts=Accounts(tuple(accounts)),
        source=mapping.source.name or "tables",
        licence=mapping.source.licence,
    )


def _nothing_kept(accounts: list[FileAccount]) -> InvalidDataset:
    reasons = sum((account.reasons for account in accounts), start=type(accounts[0].reasons)())
    listing = ", ".join(f"{reason} ({n})" for reason, n in reasons.most_common(3))
    step = "look at the values of these columns, and correct the mapping"
    return InvalidDataset(f"no row of events was fit to keep: {listing}", next_step=step)


def _with_regions(users: pd.DataFrame | None, events: pd.DataFrame) -> pd.DataFrame | None:
    """Return diners with the region of their first event, where none is known of them.

    The first, because a later one might be the very choice that is held out.
    """
    if "region" not in events.columns or (users is not None and users["region"].notna().any()):
        return users
    ordered = events.sort_values(["occurred_at", "event_id"], kind="stable")
    first = ordered.dropna(subset=["region"]).drop_duplicates("user_id")[["user_id", "region"]]
    if users is None:
        return first.reset_index(drop=True)
    return users.drop(columns="region").merge(first, on="user_id", how="outer")
