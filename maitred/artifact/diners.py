"""What a model knows of a diner, and what it makes of what the diner did since."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maitred.catalogue import Ints
from maitred.errors import CorruptArtifact
from maitred.features import DinerState, Kind

__all__ = ["NOBODY", "DinerRow", "Taste", "taste_of"]

Floats32 = NDArray[np.float32]
LOOK_AGAIN = 0.1
"""What another look at a restaurant counts for, in choices: until the next training it is a hint."""

_HEADER = struct.Struct("<II")


@dataclass(frozen=True, slots=True, eq=False)
class DinerRow:
    """One diner in one model version: history at training time, and a vector.

    ``items`` are restaurant indices of that version, most recent first, shape [h]; ``at`` their
    last visit, seconds since 1970; ``choices`` how often each was chosen; ``vector`` has the
    model's width, or 0 where the model keeps none.
    """

    items: Ints
    at: NDArray[np.float64]
    choices: Floats32
    vector: Floats32

    def encode(self) -> bytes:
        """Return the row as stored in Redis, little-endian."""
        head = _HEADER.pack(self.items.size, self.vector.size)
        parts = (self.at, self.items, self.choices, self.vector)
        return head + b"".join(part.tobytes() for part in parts)

    @classmethod
    def decode(cls, raw: bytes) -> "DinerRow":
        """Read a stored row; the arrays are read-only views of ``raw``.

        Raises:
            CorruptArtifact: if the length does not fit the header.
        """
        if len(raw) < _HEADER.size:
            msg = "a diner row is shorter than its header"
            raise CorruptArtifact(msg)
        h, width = _HEADER.unpack_from(raw)
        if len(raw) != _HEADER.size + 16 * h + 4 * width:
            msg = "a diner row has another length than its header says"
            raise CorruptArtifact(msg)
        at = np.frombuffer(raw, "<f8", h, _HEADER.size)
        offset = _HEADER.size + 8 * h
        items = np.frombuffer(raw, "<i4", h, offset)
        choices = np.frombuffer(raw, "<f4", h, offset + 4 * h)
        return cls(items, at, choices, np.frombuffer(raw, "<f4", width, offset + 8 * h))


@dataclass(frozen=True, slots=True, eq=False)
class Taste:
    """A diner as the two stages see one: distinct restaurants, most recent first.

    ``items`` and ``choices`` have shape [h]; ``vector`` is None where the model has none for the
    diner; ``dismissed`` are restaurants that the diner does not want to see.
    """

    items: Ints
    choices: Floats32
    vector: Floats32 | None
    dismissed: Ints

    @property
    def is_known(self) -> bool:
        """Whether there is anything to personalise with."""
        return self.items.size > 0 or self.vector is not None


_NONE = np.empty(0, dtype=np.int32)
NOBODY = Taste(_NONE, np.empty(0, dtype=np.float32), None, _NONE)
"""The taste of an anonymous or unknown diner."""


def taste_of(row: DinerRow | None, state: DinerState, index: Mapping[str, int]) -> Taste:
    """Unite a model's row with what the diner did since.

    An interaction no newer than the row's last visit of the same restaurant is in the row
    already. Restaurants that the model does not know are left out.
    """
    vector = row.vector if row is not None and row.vector.size else None
    if row is not None and not state.recent:
        return Taste(row.items, row.choices, vector, _NONE)
    at: dict[int, float] = {}
    choices: dict[int, float] = {}
    if row is not None:
        at = dict(zip(row.items.tolist(), row.at.tolist(), strict=True))
        choices = dict(zip(row.items.tolist(), row.choices.tolist(), strict=True))
    seen_before = dict(at)
    dismissed = set()
    for interaction in state.recent:
        item = index.get(interaction.restaurant_id)
        if item is None or interaction.at <= seen_before.get(item, -np.inf):
            continue
        if interaction.kind is Kind.DISMISS:
            dismissed.add(item)
            continue
        dismissed.discard(item)
        again = LOOK_AGAIN if item in at else 0.0
        at[item] = max(at.get(item, -np.inf), interaction.at)
        worth = 1.0 if interaction.kind is Kind.CHOICE else again
        choices[item] = choices.get(item, 0.0) + worth
    items = sorted(at, key=lambda i: -at[i])  # stable: the row's own order settles equal times
    return Taste(
        np.array(items, dtype=np.int32),
        np.array([choices[i] for i in items], dtype=np.float32),
        vector,
        np.array(sorted(dismissed), dtype=np.int32),
    )
