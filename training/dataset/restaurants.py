"""From the frame of restaurants to the catalogue that serving and the city know."""

import pandas as pd

from maitred.catalogue import Catalogue, Restaurant, parse_hours
from training.dataset.folder import Dataset

__all__ = ["catalogue_of"]


def catalogue_of(dataset: Dataset) -> Catalogue:
    """Return the data set's restaurants as a catalogue (its index is the order of ids).

    Raises:
        InvalidInput: if opening hours have another form than ``fri 18:00-02:00``.
    """
    rows = dataset.restaurants.to_dict(orient="list")
    names = list(rows)
    return Catalogue(
        tuple(
            _restaurant(dict(zip(names, row, strict=True)))
            for row in zip(*rows.values(), strict=True)
        )
    )


def _restaurant(row: dict[str, object]) -> Restaurant:
    known = {
        name: value for name, value in row.items() if isinstance(value, tuple) or pd.notna(value)
    }
    hours = known.pop("hours", ())
    known.pop("text", None)
    return Restaurant(**known, hours=parse_hours(hours))  # type: ignore[arg-type]
