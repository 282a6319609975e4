"""Many strings as two arrays, so that ids map into memory like numbers."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

__all__ = ["Index", "Texts", "pack", "unpack"]

_REMEMBERED = 200_000
"""Most strings that one :class:`Texts` keeps decoded: about 20 MB."""


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


class Texts(Sequence[str]):
    """Packed strings, decoded when asked for; those asked for are remembered, up to a bound.

    Safe for several threads: what is remembered may be decoded twice, never wrongly.
    """

    __slots__ = ("_blob", "_decoded", "_offsets", "blob", "offsets")

    def __init__(self, blob: NDArray[np.uint8], offsets: NDArray[np.int64]) -> None:
        self.blob, self.offsets = blob, offsets
        self._blob, self._offsets = blob.data, offsets.data
        self._decoded: dict[int, str] = {}

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Texts":
        """Pack strings."""
        return cls(*pack(texts))

    @override
    def __len__(self) -> int:
        return len(self._offsets) - 1

    @override
    def __getitem__(self, at: int) -> str:  # type: ignore[override]  # no slices
        text = self._decoded.get(at)
        if text is None:
            if not 0 <= at < len(self):
                raise IndexError(at)
            text = str(self._blob[self._offsets[at] : self._offsets[at + 1]], "utf-8")
            if len(self._decoded) >= _REMEMBERED:
                self._decoded = {}
            self._decoded[at] = text
        return text

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(unpack(self.blob, self.offsets))


class Index(Mapping[str, int]):
    """From string to place in ascending, distinct :class:`Texts`, by bisection.

    A string that was found once is found at once afterwards. UTF-8 sorts like code points, so the
    order is that of Python's strings.
    """

    __slots__ = ("_found", "_texts")

    def __init__(self, texts: Texts) -> None:
        self._texts = texts
        self._found: dict[str, int] = {}

    @override
    def __getitem__(self, text: str) -> int:
        at = self._found.get(text)
        if at is None:
            at = bisect_left(self._texts, text)
            if at == len(self._texts) or self._texts[at] != text:
                raise KeyError(text)
            if len(self._found) >= _REMEMBERED:
                self._found = {}
            self._found[text] = at
        return at

    @override
    def __len__(self) -> int:
        return len(self._texts)

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)
