"""Whether one reply counts as a failure; the rules are those of the demo's report.

A failure is: not 200, over 100 ms at the client, out of schema, a hard filter broken, or fewer than
min(k, allowed) items. Without a catalogue a reply is judged by what it says itself.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import ValidationError

from maitred.catalogue import Catalogue, Filters
from maitred.client import Query, Recommendation
from maitred.client.waits import LATE_MS

__all__ = ["Failure", "Judge", "Verdict", "filters_of"]

_OK = 200


class Failure(StrEnum):
    """Why a reply counts as failed; a reply has at most one, the first that applies."""

    CONNECTION = "connection"
    STATUS = "status"
    SCHEMA = "schema"
    FILTER = "filter"
    FEW = "few"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one reply came to."""

    failure: Failure | None
    rung: str | None = None
    degraded: str | None = None


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges replies; with a catalogue it knows what a filter allows, without it believes more.

    Whether a place was open ``now`` cannot be known afterwards, so scenarios name a time.
    """

    catalogue: Catalogue | None = None

    def judge(self, query: Query, status: int, body: bytes, waited_ms: float) -> Verdict:
        """Judge one reply; status 0 means that no whole reply came."""
        if status != _OK:
            return Verdict(Failure.STATUS if status else Failure.CONNECTION)
        try:
            reply = Recommendation.model_validate_json(body)
        except ValidationError:
            return Verdict(Failure.SCHEMA)
        failure = self._fault(query, reply)
        if failure is None and waited_ms > LATE_MS:
            failure = Failure.LATE
        return Verdict(failure, reply.rung, reply.degraded)

    def _fault(self, query: Query, reply: Recommendation) -> Failure | None:
        ranks = [item.rank for item in reply.items]
        ids = reply.ids
        in_order = ranks == list(range(1, len(ranks) + 1))
        if not in_order or len(set(ids)) < len(ids) or len(ids) > query.k:
            return Failure.SCHEMA
        if not set(ids).isdisjoint(query.exclude):
            return Failure.FILTER
        if self.catalogue is not None and query.open_at != "now":
            return self._against(self.catalogue, query, ids)
        # A short list has a known reason if it says what was removed, or that there is no model and
        # so no catalogue to list from.
        excused = reply.filtered or reply.degraded == "no_model"
        return Failure.FEW if len(ids) < query.k and not excused else None

    @staticmethod
    def _against(catalogue: Catalogue, query: Query, ids: tuple[str, ...]) -> Failure | None:
        allowed = catalogue.allowed(filters_of(query)).rows
        rows = [catalogue.index.get(restaurant_id) for restaurant_id in ids]
        if not set(rows) <= set(allowed.tolist()):
            return Failure.FILTER
        return Failure.FEW if len(ids) < min(query.k, allowed.size) else None


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
