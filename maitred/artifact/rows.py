"""The diners of a model folder, mapped: any of them at once, none of them copied."""

from pathlib import Path

import numpy as np

from maitred.artifact.diners import DinerRow
from maitred.artifact.folder import diner_maps
from maitred.artifact.model import Arrays
from maitred.catalogue.texts import Index, Texts

__all__ = ["Diners"]


class Diners:
    """Rows by user id, ascending; ids that were asked for are remembered up to a bound."""

    def __init__(self, arrays: Arrays) -> None:
        self._arrays = arrays
        blob, offsets = arrays["diners_ids"], arrays["diners_id_offsets"]
        self.ids = Texts(blob, offsets)  # type: ignore[arg-type]  # dtypes are checked when mapped
        self._index = Index(self.ids)
        self._cuts = np.asarray(arrays["diners_indptr"]).data

    @classmethod
    def of(cls, folder: Path) -> "Diners":
        """Map the diners of a model folder.

        Raises:
            CorruptArtifact: if a file is missing or not what it should be.
        """
        return cls(diner_maps(folder))

    def __len__(self) -> int:
        return len(self.ids)

    def get(self, user_id: str) -> DinerRow | None:
        """Return a diner's row; None if the model knows no such diner."""
        at = self._index.get(user_id)
        return None if at is None else self.row(at)

    def row(self, at: int) -> DinerRow:
        """Return the row at a place in the order of ids."""
        span = slice(self._cuts[at], self._cuts[at + 1])
        return DinerRow(
            self._arrays["diners_items"][span],  # type: ignore[arg-type]
            self._arrays["diners_at"][span],  # type: ignore[arg-type]
            self._arrays["diners_choices"][span],  # type: ignore[arg-type]
            self._arrays["diners_vectors"][at],
        )
