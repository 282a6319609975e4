"""Restaurants as they are now, in Redis: every changed one whole, and a log of the changes.

A write is one script a piece of at most 64 restaurants: their records, one entry of the log that
carries the same records, and the position of that entry, all or nothing. So a reader at a position
knows exactly what was true there, and Redis is never kept from others for long.
"""

import hashlib
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, cast

from typing_extensions import override

from maitred.catalogue import Restaurant, encode_record
from maitred.errors import NotFound, PreconditionFailed
from maitred.store import keys
from maitred.store.client import Redis, translated

__all__ = ["NOWHERE", "PIECE", "CatalogueStore", "Change", "Entry", "Position", "tag_of"]

PIECE = 64
"""Restaurants a script: it runs for well under a millisecond."""
PAGE = 500
_ANYTHING = "*"
_SOMETHING = "+"
_NOT_THERE = b""

_WRITE = """
local outcomes = {}
for i = 3, #ARGV, 4 do
  local now = redis.call('HGET', KEYS[4], ARGV[i])
  local wanted, tag = ARGV[i + 3], ARGV[i + 2]
  if now then
    tag = ''
    if now ~= '' then tag = wanted == '*' and '+' or redis.sha1hex(now) end
  end
  if wanted ~= '*' and wanted ~= tag and not (wanted == '+' and tag ~= '') then
    return {tostring(i), tag}
  end
  outcomes[#outcomes + 1] = tag ~= '' and 1 or 0
end
redis.call('SET', KEYS[1], ARGV[2], 'NX')
local position = redis.call('INCR', KEYS[2])
local entry = {}
for i = 3, #ARGV, 4 do
  redis.call('HSET', KEYS[4], ARGV[i], ARGV[i + 1])
  entry[#entry + 1] = ARGV[i]
  entry[#entry + 1] = ARGV[i + 1]
end
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[1], position .. '-0', unpack(entry))
return {redis.call('GET', KEYS[1]), position, outcomes}
"""

_KEYS = (
    keys.CATALOGUE_EPOCH,
    keys.CATALOGUE_POSITION,
    keys.CATALOGUE_LOG,
    keys.CATALOGUE_RECORDS,
)


@dataclass(frozen=True, slots=True)
class Position:
    """How far the log was read: pieces since the store was empty, which ``epoch`` names."""

    epoch: str = ""
    number: int = 0

    @override
    def __str__(self) -> str:
        return f"{self.epoch}-{self.number}" if self.epoch else "0"

    def reaches(self, other: "Position") -> bool:
        """Whether whoever is here knows what was written until ``other``."""
        return self.epoch == other.epoch and self.number >= other.number


NOWHERE = Position()


@dataclass(frozen=True, slots=True)
class Change:
    """One restaurant as it is from now on; ``record`` None takes it away.

    ``known`` is what a model knows of it, whose record holds while nobody changed it. ``expected``
    is the tag that it must have now (:func:`tag_of`), ``"+"`` any, ``""`` it must not be there;
    unless ``"*"``: whatever is there is replaced.
    """

    restaurant_id: str
    record: Restaurant | None
    known: Restaurant | None = None
    expected: str = _ANYTHING

    @classmethod
    def removal(
        cls, restaurant_id: str, known: Restaurant | None, expected: str = _ANYTHING
    ) -> "Change":
        """Take a restaurant away that must be there."""
        wanted = _SOMETHING if expected == _ANYTHING else expected
        return cls(restaurant_id, None, known, wanted)

    def arguments(self) -> tuple[str | bytes, ...]:
        """Return what the script needs."""
        record = _NOT_THERE if self.record is None else encode_record(self.record)
        if self.known is None:
            return self.restaurant_id, record, "", self.expected
        named = self.expected not in {_ANYTHING, _SOMETHING}
        tag = tag_of(self.known) if named else _SOMETHING
        return self.restaurant_id, record, tag, self.expected


Entry = tuple[int, dict[str, bytes]]
"""A piece of the log: its number, and the records in it by id, empty where taken away."""


def tag_of(restaurant: Restaurant) -> str:
    """Return what tells one state of a restaurant from another: an entity tag."""
    return hashlib.sha1(encode_record(restaurant), usedforsecurity=False).hexdigest()


class CatalogueStore:
    """Blocking: call it from a thread. Every method may raise `StoreUnavailable`."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._write = redis.register_script(_WRITE)

    def position(self) -> Position:
        """Return the position of the newest piece; nowhere if nothing was ever written."""
        with translated():
            epoch, number = self._redis.mget(keys.CATALOGUE_EPOCH, keys.CATALOGUE_POSITION)
        return Position(_text(epoch), int(number)) if epoch and number else NOWHERE

    def write(self, changes: Sequence[Change]) -> tuple[Position, list[bool]]:
        """Write changes, a piece at a time, in order; return (position, which were there before).

        When it raises, the pieces before the one at fault are written; to write them again does no
        harm. An id may stand once in ``changes``.

        Raises:
            NotFound: if what is to be taken away is not there.
            PreconditionFailed: if a restaurant is not as expected.
        """
        position, existed = NOWHERE, list[bool]()
        for start in range(0, len(changes), PIECE):
            position, some = self._write_piece(changes[start : start + PIECE])
            existed += some
        return position, existed

    def since(self, position: Position, pieces: int) -> list[Entry] | None:
        """Return the next pieces after a position; None if the log does not reach back to it."""
        first = position.number + 1
        with translated():
            found = self._redis.xrange(keys.CATALOGUE_LOG, min=f"{first}-0", count=pieces)
        entries = [_entry(*item) for item in cast("list[Any]", found)]
        return entries if not entries or entries[0][0] == first else None

    def everything(self) -> Iterator[dict[str, bytes]]:
        """Yield all records by pages; one written meanwhile may come in either state, or twice."""
        with translated():
            records = self._redis.hscan_iter(keys.CATALOGUE_RECORDS, count=PAGE)
            while page := dict(islice(records, PAGE)):
                yield {_text(name): raw for name, raw in page.items()}

    def _write_piece(self, changes: Sequence[Change]) -> tuple[Position, list[bool]]:
        arguments: list[str | bytes | int] = [keys.CATALOGUE_LOG_PIECES, secrets.token_hex(4)]
        for change in changes:
            arguments.extend(change.arguments())
        with translated():
            reply = cast("list[Any]", self._write(_KEYS, arguments))
        if len(reply) == 2:  # noqa: PLR2004  # what was found instead
            raise _refusal(changes[(int(reply[0]) - 3) // 4])
        epoch, number, outcomes = reply
        return Position(_text(epoch), int(number)), [bool(outcome) for outcome in outcomes]


def _refusal(change: Change) -> NotFound | PreconditionFailed:
    name = change.restaurant_id
    if change.expected == _SOMETHING:
        msg = f"no restaurant {name!r} is known"
        return NotFound(msg, fields=(("restaurant_id", "unknown"),))
    msg = f"restaurant {name!r} is not as expected: somebody else changed it"
    return PreconditionFailed(
        msg, fields=(("restaurant_id", "changed"),), next_step="read it again, then decide"
    )


def _entry(name: bytes, fields: dict[bytes, bytes]) -> Entry:
    number = int(_text(name).partition("-")[0])
    return number, {_text(restaurant_id): raw for restaurant_id, raw in fields.items()}


def _text(raw: bytes | str) -> str:
    return raw if isinstance(raw, str) else raw.decode()
