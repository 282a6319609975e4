"""Which restaurants a request may be shown at all: the hard filters, the same on every rung."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from maitred.catalogue import SCAN_ROWS, Allowed, Filters, Indices
from services.inference.snapshot import Served

__all__ = ["HEAD_ROWS", "View", "head_of", "scan", "view_of"]

HEAD_ROWS, NEWEST_ROWS = 5_000, 1_000
"""Of a catalogue too large to look at, the most popular and the newest that every request does look
at."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What a request may be shown.

    ``rows``: allowed catalogue rows, ascending; ``removed`` says how many each filter took.
    ``is_whole``: every allowed restaurant is in ``rows``. Otherwise they are the most popular of
    them, others may be proposed, and ``removed`` is not known.
    """

    served: Served
    filters: Filters
    rows: Indices
    removed: dict[str, int]
    is_whole: bool = True
    is_cut: bool = False
    """Whether time ran out before all was looked at that should have been: another request with
    these filters may be shown more."""
    is_common: bool = False
    """Whether everybody with these filters may be shown exactly this."""

    def without(self, rows: NDArray[np.integer], reason: str) -> "View":
        """Take out restaurants for a reason that no filter names, and count them under it."""
        if not rows.size:
            return self
        kept = self.rows[~np.isin(self.rows, rows)]
        lost = int(self.rows.size - kept.size)
        if not lost:
            return self
        return replace(self, rows=kept, removed=self.removed | {reason: lost}, is_common=False)

    def with_proposed(self, rows: Indices) -> "View":
        """Add those of some restaurants (ascending) that pass the filters."""
        if self.is_whole:
            return self
        passing = self.served.catalogue.passing(rows, self.filters)
        return replace(self, rows=np.union1d(self.rows, passing), is_common=False)


def view_of(served: Served, filters: Filters) -> View | None:
    """Apply a request's filters; None where that means to look at over 20,000 restaurants."""
    is_common = filters.lat is None and filters.open_at is None and not filters.exclude
    if is_common and len(served.catalogue) <= SCAN_ROWS:
        found = served.allowed.recall(filters, lambda: served.catalogue.allowed(filters))
        return View(served, filters, found.rows, found.removed, is_common=True)
    narrow = served.catalogue.affordable(filters)
    return None if narrow is None else View(served, filters, narrow.rows, narrow.removed)


def head_of(served: Served, filters: Filters) -> View:
    """Return those of the 5,000 most popular restaurants and of the thousand newest that pass."""
    order = served.model.popular_order[:HEAD_ROWS].astype(np.intp)
    newest = np.arange(len(served.model.catalogue), len(served.catalogue))[-NEWEST_ROWS:]
    rows = np.sort(np.concatenate([order, newest]))
    return View(served, filters, served.catalogue.passing(rows, filters), {}, is_whole=False)


def scan(served: Served, filters: Filters) -> View:
    """Look at every restaurant, however long that takes; keep the 20,000 most popular that pass."""
    found: Allowed = served.catalogue.allowed(filters)
    if found.rows.size <= SCAN_ROWS:
        return View(served, filters, found.rows, found.removed)
    ranks = served.model.popular_rank_of(found.rows)
    best = np.argpartition(ranks, SCAN_ROWS)[:SCAN_ROWS]
    return View(served, filters, np.sort(found.rows[best]), found.removed, is_whole=False)
