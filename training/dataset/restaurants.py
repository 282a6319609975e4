"""From the frame of restaurants to the catalogue that serving and the city know."""

from typing import Any

import pandas as pd

from maitred.catalogue import Catalogue, Restaurant, parse_hours
from training.dataset.folder import Dataset

__all__ = ["catalogue_of"]


def catalogue_of(dataset: Dataset) -> Catalogue:
    """Return the data set's restaurants as a catalogue (its index is the order of ids).

    Raises:
        InvalidInput: if opening hours have another form than ``fri 18:00-02:00``.
    """
    frame = dataset.restaurants.drop(columns="text")
    names = [str(name) for name in frame.columns]
    rows = zip(*(frame[name].tolist() for name in names), strict=True)
    return Catalogue.of(_restaurant(dict(zip(names, row, strict=True))) for row in rows)


def _restaurant(row: dict[str, Any]) -> Restaurant:
    known = {n: value for n, value in row.items() if isinstance(value, tuple) or pd.notna(value)}
    return Restaurant(**(known | {"hours": parse_hours(known.get("hours", ()))}))
