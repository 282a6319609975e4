"""Whether one reply counts as a failure; the rules are those of the demo's report.

A failure is: not 200, over 100 ms at the client, out of schema, a hard filter broken, or fewer than
min(k, allowed) items. Without a catalogue a reply is judged by what it says itself. A good reply
costs a few microseconds here; why a reply failed is put into words only when one did.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
import orjson

from loadtests.reply import DEGRADED, RUNGS, explain, fits
from maitred.catalogue import Catalogue, Filters
from maitred.client import Query
from maitred.client.waits import LATE_MS

__all__ = ["Failure", "Judge", "Verdict", "filters_of"]

_OK = 200
_MOST_FILTERS = 1024


class Failure(StrEnum):
    """Why a reply counts as failed; a reply has at most one, the first that applies."""

    CONNECTION = "connection"
    STATUS = "status"
    SCHEMA = "schema"
    FILTER = "filter"
    FEW = "few"
    LATE = "late"


class Verdict(NamedTuple):
    """What one reply came to."""

    failure: Failure | None
    rung: str | None = None
    degraded: str | None = None
    why: str | None = None
    """The failure in words, for a person."""


_GOOD = {(rung, why): Verdict(None, rung, why) for rung in RUNGS for why in (None, *DEGRADED)}


class _Allowed(NamedTuple):
    """What a catalogue lets through one set of filters: a byte a restaurant, and how many."""

    mask: bytes
    allowed: int


_Fault = tuple[Failure, str]
_Wish = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges replies; with a catalogue it knows what a filter allows, without it believes more.

    Whether a place was open ``now`` cannot be known afterwards, so scenarios name a time.
    """

    catalogue: Catalogue | None = None
    _known: dict[_Wish, _Allowed] = field(default_factory=dict, repr=False)
    _rows: dict[str, int] = field(default_factory=dict, repr=False)

    def judge(self, query: Query, status: int, body: bytes, waited_ms: float) -> Verdict:
        """Judge one reply; status 0 means that no whole reply came."""
        if status != _OK:
            return _no_list(status, body)
        try:
            reply = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            return Verdict(Failure.SCHEMA, why=f"not JSON ({error}): {_text(body)}")
        if not fits(reply):
            return Verdict(Failure.SCHEMA, why=explain(body))
        good = _GOOD[reply["rung"], reply["degraded"]]
        fault = self._fault(query, reply)
        if fault is None and waited_ms > LATE_MS:
            fault = Failure.LATE, f"after {waited_ms:.1f} ms"
        return good if fault is None else Verdict(fault[0], good.rung, good.degraded, fault[1])

    def prepare(self, query: Query) -> None:
        """Look up what a query's filters allow, before requests are timed."""
        if self.catalogue is not None and query.open_at != "now":
            self._allowed(self.catalogue, query)

    def _fault(self, query: Query, reply: dict[str, Any]) -> _Fault | None:
        items = reply["items"]
        ids = [item["restaurant_id"] for item in items]
        if (disorder := _disorder(query, items, ids)) is not None:
            return Failure.SCHEMA, disorder
        if query.exclude and not set(ids).isdisjoint(query.exclude):
            return Failure.FILTER, f"excluded: {sorted(set(ids).intersection(query.exclude))}"
        if self.catalogue is not None and query.open_at != "now":
            return self._against(self.catalogue, query, ids)
        # A short list has a known reason if it says what was removed, or that there is no model and
        # so no catalogue to list from.
        if len(ids) < query.k and not reply["filtered"] and reply["degraded"] != "no_model":
            return Failure.FEW, f"{len(ids)} of {query.k} items, and no filter named"
        return None

    def _against(self, catalogue: Catalogue, query: Query, ids: list[str]) -> _Fault | None:
        mask, allowed = self._allowed(catalogue, query)
        for restaurant_id in ids:
            row = self._row(catalogue, restaurant_id)
            if row is None or not mask[row]:
                return Failure.FILTER, f"{restaurant_id} is not allowed by {filters_of(query)}"
        if len(ids) < min(query.k, allowed):
            return Failure.FEW, f"{len(ids)} of {query.k} items, {allowed} were allowed"
        return None

    def _row(self, catalogue: Catalogue, restaurant_id: str) -> int | None:
        row = self._rows.get(restaurant_id)
        if row is None and (row := catalogue.index.get(restaurant_id)) is not None:
            self._rows[restaurant_id] = row
        return row

    def _allowed(self, catalogue: Catalogue, query: Query) -> _Allowed:
        place = (query.lat, query.lon, query.radius_km) if query.radius_km is not None else None
        wish = (place, query.cuisines, query.price_max, query.open_at, query.exclude)
        found = self._known.get(wish)
        if found is None:
            rows = catalogue.allowed(filters_of(query)).rows
            mask = np.zeros(len(catalogue), dtype=np.bool_)
            mask[rows] = True
            found = _Allowed(mask.tobytes(), int(rows.size))
            if len(self._known) >= _MOST_FILTERS:
                self._known.clear()
            self._known[wish] = found
        return found


def filters_of(query: Query) -> Filters:
    """Return a query's hard filters in the catalogue's words; ``open_at`` must name a time."""
    return Filters(
        lat=query.lat,
        lon=query.lon,
        radius_km=query.radius_km,
        cuisines=query.cuisines,
        price_max=query.price_max,
        open_at=datetime.fromisoformat(query.open_at) if query.open_at else None,
        exclude=frozenset(query.exclude),
    )


def _no_list(status: int, body: bytes) -> Verdict:
    if not status:
        return Verdict(Failure.CONNECTION, why="no whole reply came")
    return Verdict(Failure.STATUS, why=f"status {status}: {_text(body)}")


def _disorder(query: Query, items: list[dict[str, Any]], ids: list[str]) -> str | None:
    for rank, item in enumerate(items, start=1):
        if item["rank"] != rank:
            return f"rank {item['rank']} stands at place {rank}"
    different = len(set(ids))
    if len(ids) > query.k or different < len(ids):
        return f"{len(ids)} items, {different} different ones, {query.k} asked for"
    return None


def _text(body: bytes) -> str:
    return body[:200].decode("utf-8", "replace")
