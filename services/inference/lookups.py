"""Lists that are nobody's own: what is like a restaurant, and what all diners choose.

They leave no impression. They depend on the models, the catalogue and the query alone, so that
whoever asks again is told that nothing has changed.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import orjson

from maitred.artifact.diners import NOBODY
from maitred.artifact.similar import KIND, LIKE, TOGETHER, likeness, taste_like
from maitred.catalogue import Filters, Indices, Restaurant
from maitred.errors import NotFound
from maitred.policy import Policy
from services.inference import fallback
from services.inference.ask import Ask
from services.inference.breadth import Breadth
from services.inference.catalogue_view import View
from services.inference.explain import explain
from services.inference.shown import Floats, Reason
from services.inference.snapshot import Served, Snapshot

__all__ = ["Lookups", "Page"]

REMEMBERED = 1000
"""Pages that are remembered of each model, about 2 KB each."""

_TEXTS = {
    TOGETHER: ("chosen_together", "Diners who choose {name} choose it too"),
    LIKE: ("similar_taste", "Diners of a like taste choose it"),
    KIND: ("same_kind", "Of the same kind as {name}"),
}


@dataclass(frozen=True, slots=True)
class Page:
    """A reply's bytes and what names them, an entity tag without its quotes."""

    body: bytes
    etag: str

    @classmethod
    def of(cls, content: dict[str, Any]) -> "Page":
        """Write a reply. Equal content has an equal name in every worker."""
        body = orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)
        return cls(body, blake2b(body, digest_size=12).hexdigest())


_Pages = OrderedDict[tuple[object, ...], Page]


@dataclass(slots=True)
class Lookups:
    """Makes pages, and remembers them for as long as the model and catalogue are served."""

    breadth: Breadth
    _pages: WeakKeyDictionary[Served, _Pages] = field(default_factory=WeakKeyDictionary)

    async def similar(
        self, restaurant_id: str, ask: Ask, snapshot: Snapshot, *, within_s: float
    ) -> tuple[Page, bool]:
        """Return what is like a restaurant, and whether it was remembered.

        Raises:
            NotFound: if no model that is served knows the restaurant.
        """
        served, subject = _found(restaurant_id, snapshot)
        key = ("similar", restaurant_id, ask.k, ask.filters, ask.explain)
        if (page := self._recall(served, key)) is not None:
            return page, True
        row = served.catalogue.index[restaurant_id]
        view = await self.breadth.view(served, ask.filters, within_s=within_s)
        taste = taste_like(served.model, row)
        view = await self.breadth.widened(view, taste, within_s=within_s)
        view = view.without(np.array([row]), "itself")
        rows, scores = _alike(view, row, subject, ask.k)
        reasons = _reasons(served, row, scores) if ask.explain else None
        content = {
            "restaurant_id": restaurant_id,
            "model_version": served.model.version,
            "filtered": {n: count for n, count in view.removed.items() if n != "itself"},
            "items": _items(served, rows, scores, reasons),
        }
        return self._kept(view, key, Page.of(content)), False

    async def popular(
        self, ask: Ask, policy: Policy, snapshot: Snapshot, *, within_s: float
    ) -> tuple[Page, bool]:
        """Return what all diners choose, and whether it was remembered."""
        served = snapshot.of(policy) or snapshot.lowest
        content: dict[str, Any] = {
            "model_version": served.model.version if served else None,
            "objective": policy.objective.value,
            "revenue_weight": policy.weight,
        }
        if served is None:
            return Page.of(content | {"filtered": {}, "items": []}), False
        key = ("popular", policy, ask.k, ask.filters, ask.explain)
        if (page := self._recall(served, key)) is not None:
            return page, True
        view = await self.breadth.view(served, ask.filters, within_s=within_s)
        shown = fallback.popular(ask, policy, view)
        reasons = explain(served, NOBODY, shown, None) if ask.explain else None
        items = _items(served, shown.restaurants, shown.scores, reasons)
        content |= {"filtered": view.removed, "items": items}
        return self._kept(view, key, Page.of(content)), False

    def _recall(self, served: Served, key: tuple[object, ...]) -> Page | None:
        pages = self._pages.get(served)
        page = pages.get(key) if pages is not None else None
        if pages is not None and page is not None:
            pages.move_to_end(key)
        return page

    def _kept(self, view: View, key: tuple[object, ...], page: Page) -> Page:
        """Remember a page, unless time ran short for it: whoever asks next may get a better one."""
        if view.is_cut:
            return page
        pages = self._pages.setdefault(view.served, OrderedDict())
        pages[key] = page
        if len(pages) > REMEMBERED:
            pages.popitem(last=False)
        return page


def _found(restaurant_id: str, snapshot: Snapshot) -> tuple[Served, Restaurant]:
    for served in (snapshot.clicks, snapshot.revenue):
        subject = served.catalogue.record(restaurant_id) if served else None
        if served is not None and subject is not None:
            return served, subject
    msg = f"no restaurant {restaurant_id!r} is known"
    raise NotFound(msg, fields=(("restaurant_id", "unknown"),))


def _alike(view: View, row: int, subject: Restaurant, k: int) -> tuple[Indices, Floats]:
    model = view.served.model
    found = likeness(model, row, view.rows)
    if np.count_nonzero(found.scores >= 0) < k and subject.cuisines:
        found = found.with_kinds(_kinds(view, subject))
    return found.best(k)


def _kinds(view: View, subject: Restaurant) -> Floats:
    """Return how much each of the rows is of the subject's kind, in [0, 1): popular ones first."""
    catalogue, rows = view.served.catalogue, view.rows
    same = np.isin(rows, catalogue.passing(rows, Filters(cuisines=subject.cuisines)))
    kinds = 0.5 * same
    if price := subject.price_level:
        upto = [catalogue.passing(rows, Filters(price_max=p)) for p in (price - 1, price) if p]
        priced = np.isin(rows, upto[-1]) & ~np.isin(rows, upto[0] if price > 1 else rows[:0])
        kinds += 0.25 * (same & priced)
    ranks = view.served.model.popular_rank_of(rows)
    result: Floats = kinds + 0.2 * same / (1.0 + ranks)
    return result


def _reasons(served: Served, row: int, scores: Floats) -> list[list[Reason]]:
    name = served.catalogue.name_of(row)
    reasons = []
    for score in scores.tolist():
        code, text = _TEXTS[int(score)]
        reasons.append([Reason(code, text.format(name=name), score)])
    return reasons


def _items(
    served: Served, rows: Indices, scores: Floats, reasons: list[list[Reason]] | None
) -> list[dict[str, Any]]:
    ids = served.catalogue.ids
    items: list[dict[str, Any]] = [
        {"restaurant_id": ids[row], "rank": rank, "score": score}
        for rank, (row, score) in enumerate(
            zip(rows.tolist(), scores.tolist(), strict=True), start=1
        )
    ]
    for item, why in zip(items, reasons or (), strict=False):
        item["reasons"] = why
    return items
