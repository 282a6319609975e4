"""Two sets of columns made one, by array operations only: its cost does not go through Python.

A bulk load changes a hundred thousand restaurants while requests are answered; making records of
them again at every step would hold the interpreter for seconds.
"""

from collections.abc import Sequence
from itertools import compress
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from maitred.catalogue.columns import Columns
from maitred.catalogue.places import Places
from maitred.catalogue.tags import Tags, spans
from maitred.catalogue.texts import Texts

__all__ = ["merged"]

_Scalar = TypeVar("_Scalar", bound=np.generic)
Indices = NDArray[np.intp]
Ragged = tuple[NDArray[np.int64], NDArray[np.generic]]
"""Lists of different lengths: where each begins, and all of them end to end."""


MOST_RUNS = 4096
"""Above so many runs, copying row by row is faster than run by run."""


def merged(
    old: Columns,
    kept: Indices,
    new: Columns,
    before: Indices,
    *,
    most_runs: int = MOST_RUNS,
) -> Columns:
    """Return the rows ``kept`` of ``old`` (ascending) and all of ``new``, in order of ids.

    ``before`` [new]: how many of the kept rows stand before each new one. No id may stand in both.
    """
    pick = _Pick(len(old.ids), kept, len(new.ids), before, most_runs)
    zone_names, coded = _recoded((old.zone_names, old.zones), (new.zone_names, new.zones))
    zone_names, zones = _in_use(zone_names, pick.rows(*(c.astype(np.int16) for c in coded)))
    openings_indptr, openings = pick.lists(
        (old.openings_indptr, old.openings), (new.openings_indptr, new.openings)
    )
    return Columns(
        ids=pick.texts(old.ids, new.ids),
        names=pick.texts(old.names, new.names),
        coordinates=pick.rows(old.coordinates, new.coordinates),
        places=pick.places(old.places, new.places),
        prices=pick.rows(old.prices, new.prices),
        worths=pick.rows(old.worths, new.worths),
        commissions=pick.rows(old.commissions, new.commissions),
        deliveries=pick.rows(old.deliveries, new.deliveries),
        zones=zones,
        zone_names=zone_names,
        cuisines=pick.tags(old.cuisines, new.cuisines),
        attributes=pick.tags(old.attributes, new.attributes),
        openings_indptr=openings_indptr,
        openings=openings,  # type: ignore[arg-type]  # of the dtype that went in
    )


class _Pick:
    """Which row of which set stands where in the result.

    Where new rows stand close together, what is kept is copied in a few long runs; where they are
    scattered, row by row.
    """

    def __init__(
        self, old: int, kept: Indices, fresh: int, before: Indices, most_runs: int
    ) -> None:
        self.kept = kept
        self.size = kept.size + fresh
        is_new = np.zeros(self.size, dtype=np.bool_)
        self.new_at = before + np.arange(fresh)
        is_new[self.new_at] = True
        self.old_at = np.flatnonzero(~is_new)
        source = np.empty(self.size, dtype=np.intp)
        source[self.old_at] = kept
        source[self.new_at] = np.arange(fresh) + (old + 1)  # a gap: no run crosses over
        is_end = np.ones(self.size, dtype=np.bool_)
        is_end[:-1] = np.diff(source) != 1
        ends = np.flatnonzero(is_end)
        self._runs: tuple[list[bool], Indices, Indices] | None = None
        if ends.size <= most_runs:
            starts = np.zeros(ends.size, dtype=np.intp)
            starts[1:] = ends[:-1] + 1
            firsts = source[starts]
            is_old = firsts <= old
            shift = np.where(is_old, 0, old + 1)
            self._runs = is_old.tolist(), firsts - shift, source[ends] + 1 - shift

    def rows(self, old: NDArray[_Scalar], new: NDArray[_Scalar]) -> NDArray[_Scalar]:
        if self._runs is not None:
            is_old, firsts, ends = self._runs
            return _joined(old, new, is_old, firsts, ends)
        result = np.empty((self.size, *old.shape[1:]), dtype=old.dtype)
        result[self.old_at] = old[self.kept]
        result[self.new_at] = new
        return result

    def lists(self, old: Ragged, new: Ragged) -> Ragged:
        lengths = self.rows(np.diff(old[0]), np.diff(new[0]))
        indptr = np.zeros(self.size + 1, dtype=np.int64)
        np.cumsum(lengths, out=indptr[1:])
        if self._runs is not None:
            is_old, firsts, ends = self._runs
            at = np.array(is_old, dtype=np.bool_)
            cuts = [np.empty(firsts.size, dtype=np.intp) for _ in range(2)]
            for cut, rows in zip(cuts, (firsts, ends), strict=True):
                cut[at], cut[~at] = old[0][rows[at]], new[0][rows[~at]]
            return indptr, _joined(old[1], new[1], is_old, *cuts)
        flat = np.empty((int(indptr[-1]), *old[1].shape[1:]), dtype=old[1].dtype)
        _, source = spans(old[0], self.kept)
        _, target = spans(indptr, self.old_at)
        flat[target] = old[1][source]
        _, target = spans(indptr, self.new_at)
        flat[target] = new[1]
        return indptr, flat

    def texts(self, old: Texts, new: Texts) -> Texts:
        offsets, blob = self.lists((old.offsets, old.blob), (new.offsets, new.blob))
        return Texts(blob, offsets)  # type: ignore[arg-type]  # bytes went in

    def tags(self, old: Tags, new: Tags) -> Tags:
        words, (old_codes, new_codes) = _recoded((old.words, old.codes), (new.words, new.codes))
        indptr, codes = self.lists((old.indptr, old_codes), (new.indptr, new_codes))
        used, kept = _in_use(words, codes.astype(np.int32))
        return Tags(indptr, kept, used)

    def places(self, old: Places, new: Places) -> Places:
        """Unite two orders by cell, then row; dropped rows leave theirs."""
        moved = np.full(old.points.shape[0], -1, dtype=np.int32)
        moved[self.kept] = self.old_at
        old_rows = moved[old.rows]
        stays = old_rows >= 0
        cells = np.concatenate([old.cells[stays], new.cells])
        rows = np.concatenate([old_rows[stays], self.new_at[new.rows].astype(np.int32)])
        order = np.lexsort((rows, cells))
        points = self.rows(old.points, new.points)
        rows = rows[order]
        return Places(points, points[rows], cells[order], rows)


def _joined(
    old: NDArray[_Scalar],
    new: NDArray[_Scalar],
    is_old: list[bool],
    firsts: Indices,
    ends: Indices,
) -> NDArray[_Scalar]:
    """Return runs of both, end to end."""
    parts = [
        (old if from_old else new)[first:end]
        for from_old, first, end in zip(is_old, firsts.tolist(), ends.tolist(), strict=True)
    ]
    return np.concatenate([old[:0], *parts])


Coded = tuple[tuple[str, ...], NDArray[np.integer]]


def _recoded(*coded: Coded) -> tuple[tuple[str, ...], Sequence[NDArray[np.integer]]]:
    """Return one list of words for all, and each one's codes in it."""
    words = tuple(sorted({word for some, _ in coded for word in some}))
    code = {word: at for at, word in enumerate(words)}
    return words, [
        np.array([code[word] for word in some], dtype=np.int32)[codes] if codes.size else codes
        for some, codes in coded
    ]


def _in_use(
    words: tuple[str, ...], codes: NDArray[_Scalar]
) -> tuple[tuple[str, ...], NDArray[_Scalar]]:
    """Leave out words that no row has any more: a corrected mistake must not stay a known word."""
    is_used = np.bincount(codes, minlength=len(words)) > 0
    if is_used.all():
        return words, codes
    moved = (np.cumsum(is_used) - 1).astype(codes.dtype)
    return tuple(compress(words, is_used.tolist())), moved[codes]
