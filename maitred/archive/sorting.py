"""Telling arrivals apart: fresh, repeated, in conflict, or of a diner who asked to be forgotten.

Erasure follows the order of the log. What stands before a diner's ``erase`` event is forgotten,
whatever its time; what comes behind it counts when it happened later, and is dropped when it did
not: then it is a late repetition.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from maitred.archive.ledger import Ledger
from maitred.archive.rows import Arrival
from maitred.archive.tombs import row_digest
from maitred.ids import tombstone

__all__ = ["Sorted", "sort"]

_ERASE: Final = "erase"


@dataclass(slots=True)
class Sorted:
    """Arrivals told apart: ``fresh`` are archived, ``conflicts`` carry an id that another body has."""

    fresh: list[Arrival] = field(default_factory=list)
    conflicts: list[Arrival] = field(default_factory=list)
    duplicates: int = 0
    erasures: list[Arrival] = field(default_factory=list)
    """``erase`` events that were not met before, in the log's order."""
    dropped: list[Arrival] = field(default_factory=list)
    """Events of erased diners, from before the erasure by place or by time; never archived."""

    @property
    def erased_users(self) -> set[str]:
        """Whose rows must leave."""
        return {erase.user_id for erase in self.erasures}


def sort(arrivals: Sequence[Arrival], ledger: Ledger, key: str) -> Sorted:
    """Tell arrivals apart, in the order given; of equal ids the first wins."""
    known = ledger.bodies([arrival.id for arrival in arrivals])
    result = Sorted()
    graves = _Graves(arrivals, ledger, key, result.erasures)
    for place, arrival in enumerate(arrivals):
        before = known.get(arrival.id)
        if before == arrival.body or graves.has(arrival):
            result.duplicates += 1
        elif arrival.type == _ERASE:
            known[arrival.id] = arrival.body
        elif graves.take(arrival, place):
            if before is None:
                known[arrival.id] = arrival.body
                result.dropped.append(arrival)
            else:
                result.duplicates += 1
        elif before is None:
            known[arrival.id] = arrival.body
            result.fresh.append(arrival)
        else:
            result.conflicts.append(arrival)
    return result


class _Graves:
    """Who of a batch's diners was erased, before it or in it; puts new ``erase`` events into ``found``."""

    def __init__(
        self, arrivals: Sequence[Arrival], ledger: Ledger, key: str, found: list[Arrival]
    ) -> None:
        self._key = key
        self._erased: dict[str, datetime] = {}
        self._last: dict[str, int] = {}
        self._late: dict[str, datetime] = {}
        self._rows: set[bytes] = set()
        if not ledger.tombs.is_empty():
            stones = {tombstone(user, key): user for user in {a.user_id for a in arrivals}}
            past = ledger.tombs.latest(stones)
            self._erased = {stones[stone]: at for stone, at in past.items()}
            self._rows = ledger.tombs.rows_among(
                [self._digest(a) for a in arrivals if a.user_id in self._erased]
            )
        met: set[bytes] = set()
        for place, arrival in enumerate(arrivals):
            if arrival.type == _ERASE and arrival.id not in met and not self.has(arrival):
                met.add(arrival.id)
                found.append(arrival)
                user, at = arrival.user_id, arrival.occurred_at
                self._last[user] = place
                self._late[user] = max(at, self._late.get(user, at))

    def has(self, arrival: Arrival) -> bool:
        """Tell whether this very event was erased before this batch."""
        return arrival.user_id in self._erased and self._digest(arrival) in self._rows

    def take(self, arrival: Arrival, place: int) -> bool:
        """Tell whether it goes with its diner: it stands before the erasure, or happened before."""
        user, at = arrival.user_id, arrival.occurred_at
        if user not in self._late and user not in self._erased:
            return False
        if place < self._last.get(user, -1):
            return True
        return any(user in erased and at <= erased[user] for erased in (self._erased, self._late))

    def _digest(self, arrival: Arrival) -> bytes:
        return row_digest(arrival.user_id, arrival.event_id, self._key)
