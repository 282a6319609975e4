"""Requests over more restaurants than one may look at while others wait: their work, off the loop.

A request with a place, or over a small catalogue, is answered from all restaurants in question and
never comes here. Without a place, a catalogue of a million is met in parts: the most popular ones,
what the diner's history names, and the nearest vectors, by an exact product on a thread of its own.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

import numpy as np

from maitred.artifact import Taste
from maitred.artifact.candidates import nearest, proposals
from maitred.catalogue import Filters, Indices
from maitred.priority import roam
from services.inference.catalogue_view import View, head_of, scan, view_of
from services.inference.snapshot import Served

__all__ = ["Breadth", "open_breadth"]

ENOUGH = 500
"""Allowed restaurants among the most popular ones that make a look at all others needless."""
NEAREST = 1000
"""Nearest vectors that are kept of a diner: twice what a shortlist holds, for filters take some."""
REMEMBERED = 10_000
"""Diners whose nearest restaurants are remembered, 8 KB each."""
MOST_WAITING = 4
"""Jobs for the one thread; with more, requests do with what they have."""

_Result = TypeVar("_Result")


class Breadth:
    """One a worker; its jobs run one after another."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self._waiting = 0
        self._nearest: OrderedDict[tuple[str, bytes], Indices] = OrderedDict()

    async def view(
        self, served: Served, filters: Filters, *, within_s: float, spare: int = 0
    ) -> View:
        """Return what a request may be shown; a part of it where all is too much or takes too long.

        What takes too long ``is_cut``.
        ``spare``: how many of them may be left out later for reasons that are not filters.
        """
        view = view_of(served, filters)
        if view is not None:
            return view
        head = head_of(served, filters)
        if head.rows.size >= ENOUGH + spare:
            return head
        whole = await self._off_loop(lambda: scan(served, filters), within_s)
        return replace(head, is_cut=True) if whole is None else whole

    async def widened(self, view: View, taste: Taste, *, within_s: float) -> View:
        """Add what the diner's history and vector propose, where the view is not whole.

        Without the vector's proposals, because they take too long, it ``is_cut``.
        """
        if view.is_whole:
            return view
        model = view.served.model
        proposed = proposals(model, taste)
        if taste.vector is not None and model.vectors.shape[1]:
            near = await self._near(view.served, taste, within_s)
            if near is None:
                view = replace(view, is_cut=True)
            else:
                proposed = np.union1d(proposed, near)
        return view.with_proposed(proposed)

    async def _near(self, served: Served, taste: Taste, within_s: float) -> Indices | None:
        vector = taste.vector
        assert vector is not None  # noqa: S101  # the caller looked
        key = (served.model.version, vector.tobytes())
        known = self._nearest.get(key)
        if known is not None:
            return known
        found = await self._off_loop(lambda: nearest(served.model, vector, NEAREST), within_s)
        if found is None:
            return None
        self._nearest[key] = found
        while len(self._nearest) > REMEMBERED:
            self._nearest.popitem(last=False)
        return found

    async def _off_loop(self, job: Callable[[], _Result], within_s: float) -> _Result | None:
        """Return what a job on the thread gives, or None if it takes too long or too many wait.

        Without time nothing is begun: nobody would take what comes of it.
        """
        if within_s <= 0 or self._waiting >= MOST_WAITING:
            return None
        self._waiting += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, job)
        future.add_done_callback(self._done)
        try:
            return await asyncio.wait_for(asyncio.shield(future), within_s)
        except TimeoutError:
            return None

    def _done(self, _future: object) -> None:
        self._waiting -= 1


@contextmanager
def open_breadth() -> Iterator[Breadth]:
    """Yield one whose thread ends with it."""
    with ThreadPoolExecutor(1, thread_name_prefix="breadth", initializer=roam) as pool:
        yield Breadth(pool)
