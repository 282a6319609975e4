"""What is now true of the restaurants that changed since models were made, whatever the model."""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from maitred.catalogue.catalogue import Catalogue
from maitred.catalogue.merging import merged
from maitred.catalogue.restaurant import Restaurant

__all__ = ["NOTHING", "SLICE", "Overlay", "Rest", "no_rest"]

SLICE = 128
"""After how many restaurants work on them rests, so that other threads get their turn: ≤ 1 ms."""

Rest = Callable[[], None]
"""Called between two slices of work; a thread that lets others run sleeps in it."""


def no_rest() -> None:
    """Go on at once: where nobody else waits."""


@dataclass(frozen=True, slots=True, eq=False)
class Overlay:
    """``changed``: restaurants as they are now, new ones too; ``gone``: ids of those taken away.

    No id is in both. Overlays add up: :meth:`then`.
    """

    changed: Catalogue
    gone: frozenset[str]

    @classmethod
    def of(cls, records: Iterable[Restaurant], gone: Iterable[str] = ()) -> "Overlay":
        """Make one of records and ids; an id in both is taken to be there.

        Raises:
            InvalidInput: if an id stands twice in ``records``.
        """
        changed = Catalogue.of(records)
        return cls(changed, frozenset(gone) - set(changed.ids))

    def __len__(self) -> int:
        return len(self.changed) + len(self.gone)

    @property
    def touched(self) -> list[str]:
        """Every id that this says something about."""
        return [*self.changed.ids, *self.gone]

    def then(self, newer: "Overlay", *, rest: Rest = no_rest) -> "Overlay":
        """Return both, where what ``newer`` says wins; the cost through Python is that of ``newer``."""
        old, fresh = self.changed, newer.changed
        stays = np.ones(len(old), dtype=np.bool_)
        places = []
        for at, name in enumerate(newer.touched):
            place = bisect_left(old.ids, name)
            if place < len(old) and old.ids[place] == name:
                stays[place] = False
            if at < len(fresh):
                places.append(place)
            if at % SLICE == SLICE - 1:
                rest()
        kept = np.flatnonzero(stays)
        before = np.searchsorted(kept, np.array(places, dtype=np.intp))
        columns = merged(old.columns, kept, fresh.columns, before)
        return Overlay(Catalogue(columns), (self.gone | newer.gone).difference(fresh.ids))


NOTHING = Overlay.of(())
