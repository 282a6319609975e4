"""Lists of different lengths, one a restaurant, as flat arrays: cuisines, attributes, openings."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Tags", "indptr_of", "spans"]

Bools = NDArray[np.bool_]
Indices = NDArray[np.intp]


def indptr_of(lengths: Iterable[int]) -> NDArray[np.int64]:
    """Return where each list begins in the flat array, and where the last one ends, [n + 1]."""
    counts = np.fromiter(lengths, dtype=np.int64)
    indptr = np.zeros(counts.size + 1, dtype=np.int64)
    np.cumsum(counts, out=indptr[1:])
    return indptr


def spans(indptr: NDArray[np.int64], rows: Indices) -> tuple[Indices, Indices]:
    """Return (owner, place): for every entry of these rows' lists, whose it is and where it stands.

    ``owner`` counts within ``rows``; ``place`` is an index into the flat array.
    """
    starts = indptr[rows]
    lengths = indptr[rows + 1] - starts
    before = np.cumsum(lengths) - lengths
    owner = np.repeat(np.arange(rows.size), lengths)
    place = np.arange(owner.size) + np.repeat(starts - before, lengths)
    return owner, place


@dataclass(frozen=True, slots=True, eq=False)
class Tags:
    """Words of each restaurant: ``codes[indptr[i]:indptr[i + 1]]`` are places in ``words``."""

    indptr: NDArray[np.int64]
    codes: NDArray[np.int32]
    words: tuple[str, ...]

    @classmethod
    def of(cls, lists: Sequence[Sequence[str]]) -> "Tags":
        """Code lists of words; a word twice in a list counts once."""
        words = tuple(sorted({word for some in lists for word in some}))
        code = {word: at for at, word in enumerate(words)}
        distinct = [list(dict.fromkeys(some)) for some in lists]
        codes = [code[word] for some in distinct for word in some]
        return cls(indptr_of(map(len, distinct)), np.array(codes, dtype=np.int32), words)

    def __getitem__(self, row: int) -> tuple[str, ...]:
        """Return the words of one restaurant, in their order."""
        span = self.codes[self.indptr[row] : self.indptr[row + 1]]
        return tuple(self.words[code] for code in span.tolist())

    def any_of(self, rows: Indices, wanted: Iterable[str]) -> Bools:
        """Return which of these rows have at least one of the words, [rows]."""
        return self._count(rows, wanted) > 0

    def all_of(self, rows: Indices, wanted: Sequence[str]) -> Bools:
        """Return which of these rows have every word, [rows]."""
        found: Bools = self._count(rows, wanted) == len(set(wanted))
        return found

    def _count(self, rows: Indices, wanted: Iterable[str]) -> NDArray[np.intp]:
        names = set(wanted)
        counted = np.array([word in names for word in self.words], dtype=np.bool_)
        owner, place = spans(self.indptr, rows)
        return np.bincount(owner[counted[self.codes[place]]], minlength=rows.size)

    def first(self, rows: Indices) -> NDArray[np.int32]:
        """Return the code of each row's first word, -1 where it has none, [rows]."""
        starts = self.indptr[rows]
        result = np.full(rows.size, -1, dtype=np.int32)
        has = self.indptr[rows + 1] > starts
        result[has] = self.codes[starts[has]]
        return result
