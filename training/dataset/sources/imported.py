"""What every reader of foreign files returns, so that one import path serves them all."""

from dataclasses import dataclass

import pandas as pd

from training.dataset.quarantine import Accounts

__all__ = ["Imported"]


@dataclass(frozen=True, slots=True)
class Imported:
    """Frames with the columns of the data set's schema, and what became of every row."""

    events: pd.DataFrame
    restaurants: pd.DataFrame
    users: pd.DataFrame | None
    accounts: Accounts
    source: str
    licence: str | None = None
    assumption: str | None = None
