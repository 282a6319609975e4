"""Held-out choices as questions: which diner, which restaurants were chosen, when and where."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from training.dataset import Split
from training.models.interactions import Interactions, seconds_of

__all__ = ["Cases", "cases_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Cases:
    """One case a diner; a case has one or more targets, distinct restaurants that were chosen.

    ``users`` [c]; ``rows`` [c] the diner's row in the train part, -1 where there is none; ``at``
    seconds since 1970, ``lat`` and ``lon`` (NaN: unknown) [c] of the first held-out choice.
    ``owner`` [t] which case a target belongs to, ascending; ``items`` [t]; ``worth`` [t] minor
    units; ``is_new`` [t] whether the diner had never met it.
    """

    users: tuple[str, ...]
    rows: NDArray[np.int64]
    at: NDArray[np.float64]
    lat: NDArray[np.float64]
    lon: NDArray[np.float64]
    owner: NDArray[np.int64]
    items: NDArray[np.int64]
    worth: NDArray[np.float64]
    is_new: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.users)


def cases_of(split: Split, train: Interactions) -> Cases:
    """Return the cases of a split, diners by id; ``train`` are its train part's interactions."""
    events = split.test.events.assign(is_new=split.is_new)
    item = events["restaurant_id"].map(dict(train.catalogue.index))
    events = events.assign(item=item).drop_duplicates(["user_id", "item"])
    events = events.sort_values("user_id", kind="stable")
    owner, users = pd.factorize(events["user_id"], sort=True)
    items = events["item"].to_numpy().astype(np.int64)
    paid = events["value_minor"].to_numpy(dtype=np.float64, na_value=np.nan)
    first = np.unique(owner, return_index=True)[1]
    ids = tuple(str(u) for u in users)
    return Cases(
        users=ids,
        rows=np.array([train.index.get(u, -1) for u in ids], dtype=np.int64),
        at=seconds_of(events["occurred_at"])[first],
        lat=events["lat"].to_numpy(dtype=np.float64, na_value=np.nan)[first],
        lon=events["lon"].to_numpy(dtype=np.float64, na_value=np.nan)[first],
        owner=np.asarray(owner, dtype=np.int64),
        items=items,
        worth=np.where(np.isfinite(paid), paid, train.worth[items]).astype(np.float64),
        is_new=events["is_new"].to_numpy(dtype=np.bool_),
    )
