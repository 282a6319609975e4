"""Many strings as two arrays, so that ids map into memory like numbers."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

__all__ = ["pack", "unpack"]


def pack(texts: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return (UTF-8 bytes end to end, offsets of shape [n + 1])."""
    encoded = [text.encode() for text in texts]
    offsets = np.zeros(len(encoded) + 1, dtype=np.int64)
    np.cumsum([len(e) for e in encoded], out=offsets[1:])
    return np.frombuffer(b"".join(encoded), dtype=np.uint8), offsets


def unpack(blob: NDArray[np.uint8], offsets: NDArray[np.int64]) -> list[str]:
    """Return the strings that :func:`pack` was given."""
    raw, cuts = blob.tobytes(), offsets.tolist()
    return [raw[a:b].decode() for a, b in pairwise(cuts)]
