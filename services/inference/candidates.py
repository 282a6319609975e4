"""Stage one of serving: who the diner is to this model, and which restaurants to score."""

from collections.abc import Mapping

import numpy as np

from maitred.artifact import DinerRow, Shortlist, Taste, shortlist, taste_of
from maitred.features import DinerState, decode
from maitred.store.reader import DinerBytes
from services.inference.catalogue_view import View
from services.inference.snapshot import Served

__all__ = ["shortlist_for", "taste_for"]


def taste_for(served: Served, stored: DinerBytes, history: tuple[str, ...]) -> Taste:
    """Unite the model's row, what the diner did since, and what the client says.

    Raises:
        MaitredError: if stored bytes cannot be read.
    """
    index = served.catalogue.index
    row = DinerRow.decode(stored.row) if stored.row is not None else None
    state = decode(stored.state) if stored.state is not None else DinerState()
    return _told(taste_of(row, state, index), history, index)


def _told(taste: Taste, history: tuple[str, ...], index: Mapping[str, int]) -> Taste:
    """Put the client's own history before what is known; each restaurant stays once."""
    told = list(dict.fromkeys(index[name] for name in history if name in index))
    if not told:
        return taste
    known = dict(zip(taste.items.tolist(), taste.choices.tolist(), strict=True))
    items = [*told, *(item for item in known if item not in set(told))]
    choices = np.array([known.get(item, 0.0) for item in items], dtype=np.float32)
    return Taste(np.array(items, dtype=np.int32), choices, taste.vector, taste.dismissed)


def shortlist_for(taste: Taste, view: View) -> Shortlist:
    """Return at most 500 allowed restaurants, ascending by row."""
    return shortlist(view.served.model, taste, view.rows)
