"""``maitred recommend``: the lists that serving would give, for any number of diners, without a server.

The same two stages and the same rungs: a diner with a history gets ``personalised``, anybody else
the list of their place and hour, or the popular one. No exploration, no deadline. Diners are read,
ranked and written block by block, so that memory does not grow with their number.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from maitred import geo
from maitred.artifact import Model, Taste, daypart, load, segment_keys, taste_of
from maitred.artifact.blocks import Wish, rank_block
from maitred.artifact.rows import Diners
from maitred.artifact.segments import ANY, key
from maitred.errors import InvalidInput, UsageError
from maitred.features import EMPTY
from maitred.policy import dial, greedy
from maitred.pseudonyms import Pseudonyms
from training.asked import Asked, read_users
from training.dataset.deps import dependencies
from training.listed import Block, List, writing
from training.screen import manifest_of, progress

__all__ = ["Lists", "blocks_of", "recommend"]

ALL = Path("all")
"""Named as the file of diners: every diner of the model."""

MOST_A_BLOCK = 512
CELLS = 50_000
"""Diners times restaurants that are ranked in one go: about 5 MB while it lasts."""
POOL = 500
"""How many restaurants the dial may reorder on lower rungs, as in serving."""

_EVERYWHERE = key(ANY, ANY, ANY)
Indices = NDArray[np.intp]


@dataclass(slots=True, eq=False)
class Lists:
    """How lists are made; what many cold diners share is made once."""

    model: Model
    diners: Diners
    k: int
    weight: float | None
    """The dial; None: the artefact's own ranking."""
    mask: bool
    zone: ZoneInfo
    pseudonyms: Pseudonyms = field(default_factory=Pseudonyms)
    """Of the diners asked for; none where their ids are the model's own already."""
    _shared: dict[tuple[str, ...], List] = field(default_factory=dict)

    def cold(self, one: Asked, barred: Indices) -> List:
        """Return the list of a diner of whom nothing is known."""
        names = tuple(n for n in _segments(one, self.zone) if n in self.model.segments)
        if barred.size:
            return self._cold(names, barred)
        if names not in self._shared:
            self._shared[names] = self._cold(names, barred)
        return self._shared[names]

    def _cold(self, names: Sequence[str], barred: Indices) -> List:
        model = self.model
        rows = np.delete(model.catalogue.everything, barred)
        popular = self._popular(rows)
        for name in names:
            segment = model.segments[name]
            inside = np.isin(segment.items, rows)
            items = segment.items[inside].astype(np.intp)
            if not items.size:
                continue
            by_id = np.argsort(items)
            items, shares = items[by_id], segment.scores[inside].astype(np.float64)[by_id]
            scores = dial(shares, model.log_values_of(items), self.weight)
            best = greedy(scores, self.k)
            more, room = ~np.isin(popular.rows, items), self.k - best.size
            rest = np.minimum(popular.scores[more][:room], scores[best[-1]])
            return List(
                "segment",
                np.concatenate([items[best], popular.rows[more][:room]]),
                np.concatenate([scores[best], rest]),
            )
        return List("popular", popular.rows[: self.k], popular.scores[: self.k])

    def _popular(self, rows: Indices) -> List:
        pool = np.sort(rows[np.argsort(self.model.popular_rank[rows])[:POOL]])
        values = self.model.log_values_of(pool)
        scores = dial(self.model.log_shares_of(pool), values, self.weight)
        best = greedy(scores, pool.size)
        return List("popular", pool[best], scores[best])


def recommend(
    run: Path,
    users: Path | None,
    *,
    k: int,
    revenue_weight: float | None,
    mask: bool,
    out: Path | None,
) -> None:
    """Write one line for every diner asked, in input order; None or ``all``: all of the model.

    Raises:
        UsageError: if a file or folder does not exist, or the file's form is not known.
        InvalidInput: if a revenue weight is asked of a revenue run, or a row cannot be read.
        KeyMismatch: if the model knows diners under another pseudonym key.
    """
    manifest, deps = manifest_of(run), dependencies()
    if manifest.objective == "revenue" and revenue_weight is not None:
        msg = "revenue_weight turns the dial of a clicks run; value is already in this run's fit"
        raise InvalidInput(msg, next_step="omit --revenue-weight, or name a clicks run")
    if out is not None and out.suffix not in {".jsonl", ".parquet"}:
        msg = f"--out must end in .jsonl or .parquet, not '{out.suffix}'"
        raise UsageError(msg)
    pseudonyms = Pseudonyms.of(deps.settings)
    pseudonyms.require(manifest.data.pseudonym_key_fingerprint, f"the model of {run}")
    model, diners = load(run / "model"), Diners.of(run / "model")
    zone = ZoneInfo(model.catalogue.usual_timezone)
    everybody = users is None or (users == ALL and not users.exists())
    lists = Lists(model, diners, k, revenue_weight, mask, zone)
    if not everybody:
        lists.pseudonyms = pseudonyms
    asked = _everybody(diners) if users is None or everybody else read_users(users)
    with (
        writing(out, model.catalogue.ids) as write,
        progress(deps.progress, total=len(diners) if everybody else None) as bar,
    ):
        bar("recommend", 0)
        for block in blocks_of(lists, asked):
            write(block)
            bar("recommend", len(block.users))


def blocks_of(lists: Lists, asked: Iterable[Asked]) -> Iterator[Block]:
    """Yield the lists of all diners asked, block by block, in order."""
    waiting = iter(asked)
    size = max(1, min(MOST_A_BLOCK, CELLS // max(len(lists.model.catalogue), 1)))
    while some := list(islice(waiting, size)):
        yield _block(lists, some)


def _block(lists: Lists, some: Sequence[Asked]) -> Block:
    index = lists.model.catalogue.index
    tastes = [
        taste_of(lists.diners.get(lists.pseudonyms(one.user_id)), EMPTY, index) for one in some
    ]
    barred = [_barred(lists, one, taste) for one, taste in zip(some, tastes, strict=True)]
    warm = [at for at, taste in enumerate(tastes) if taste.is_known]
    everything = lists.model.catalogue.everything
    found: list[List | None] = [None] * len(some)
    if warm and everything.size:
        wishes = [Wish(tastes[at], lists.weight, barred[at]) for at in warm]
        ranked = rank_block(lists.model, wishes, everything, keep=lists.k)
        if len(warm) == len(some):
            users = [one.user_id for one in some]
            rungs = ["personalised"] * len(some)
            return Block(users, rungs, ranked.cuts, ranked.rows, ranked.scores)
        for number, at in enumerate(warm):
            span = slice(ranked.cuts[number], ranked.cuts[number + 1])
            found[at] = List("personalised", ranked.rows[span], ranked.scores[span])
    for at, one in enumerate(some):
        found[at] = found[at] or lists.cold(one, barred[at])
    return Block.of([one.user_id for one in some], [one for one in found if one is not None])


def _barred(lists: Lists, one: Asked, taste: Taste) -> Indices:
    if not one.exclude and not lists.mask:
        return _NONE
    index = lists.model.catalogue.index
    out = [at for name in one.exclude if (at := index.get(name)) is not None]
    out += taste.items.tolist() if lists.mask else []
    return np.array(out, dtype=np.intp)


_NONE = np.empty(0, dtype=np.intp)


def _everybody(diners: Diners) -> Iterator[Asked]:
    return (Asked(diners.ids[at]) for at in range(len(diners)))


def _segments(one: Asked, zone: ZoneInfo) -> Iterator[str]:
    if one.at is None:
        part = ANY
    else:
        part = daypart(one.at if one.at.tzinfo is None else one.at.astimezone(zone))
    names = segment_keys(geo.area(one.lat, one.lon), part, None)
    return (name for name in names if name != _EVERYWHERE)
