"""What a worker tells the relay: impressions packed small, several in a datagram.

Packing is paid for by the process that answers diners, so floats go as they lie in memory and only
words become JSON; the event in its only form is made where nobody waits. Both ends belong to one
installation: the layout may change with its version byte, the event may not.
"""

import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import orjson

from maitred.errors import InvalidEvent
from maitred.events import SCHEMA_VERSION
from services.inference.ask import Ask
from services.inference.shown import Shown

__all__ = ["Impression", "pack", "unpack"]

_LAYOUT: Final = 1
_HEAD: Final = struct.Struct("<BHHI")
"""Layout, places of the list, places of the pool, bytes of the words."""
_FLOAT_BYTES: Final = 8
_FOREIGN: Final = "a record of impressions is of another layout, or cut off"
_REMEDY: Final = "workers and relay must come from one installation: restart both"


@dataclass(frozen=True, slots=True, eq=False)
class Impression:
    """What one reply showed; ``ids`` are restaurant ids by catalogue row."""

    ask: Ask
    at: datetime
    shown: Shown
    ids: Sequence[str]
    model_version: str | None

    @property
    def user_id(self) -> str:
        """The diner; an anonymous one is a stranger each time."""
        return self.ask.user_id or f"anonymous:{self.ask.request_id}"[:128]


def pack(impression: Impression) -> bytes:
    """Return the impression as one record; records may follow each other in a datagram.

    Raises:
        TypeError: a text is no unicode, or a number has more than 64 bits.
        ValueError: there is not one float for each place.
    """
    ask, shown, ids = impression.ask, impression.shown, impression.ids
    places, pool = shown.restaurants.tolist(), shown.pool.tolist()
    words = orjson.dumps(
        (
            impression.user_id,
            ask.request_id,
            impression.at,
            ask.traffic.value,
            impression.model_version,
            f"{ask.policy}:{shown.policy.name}" if ask.policy else shown.policy.name,
            shown.policy.weight,
            shown.rung.value,
            shown.temperature,
            shown.seed,
            [ids[row] for row in places],
            [ids[row] for row in pool],
        ),
        option=orjson.OPT_UTC_Z,
    )
    floats = (shown.propensities, shown.log_p, shown.log_v)
    raw = b"".join([np.asarray(some, np.float64).tobytes() for some in floats])
    if len(raw) != _FLOAT_BYTES * (len(places) + 2 * len(pool)):
        msg = "an impression needs a float for each place"
        raise ValueError(msg)
    return _HEAD.pack(_LAYOUT, len(places), len(pool), len(words)) + raw + words


def unpack(datagram: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield user id and event of each record, as `maitred.events.encode` writes it.

    The event's id is new each time.

    Raises:
        InvalidEvent: the rest of the datagram is of another layout, or cut off.
    """
    at = 0
    while at < len(datagram):
        if datagram[at] != _LAYOUT:
            raise InvalidEvent(_FOREIGN, next_step=_REMEDY)
        try:
            _, places, pool, length = _HEAD.unpack_from(datagram, at)
            count = places + 2 * pool
            words_at = at + _HEAD.size + count * _FLOAT_BYTES
            floats = struct.unpack_from(f"<{count}d", datagram, at + _HEAD.size)
            words = orjson.loads(datagram[words_at : words_at + length])
        except (struct.error, orjson.JSONDecodeError) as error:
            raise InvalidEvent(_FOREIGN, next_step=_REMEDY) from error
        yield words[0], _event(words, floats, places, pool)
        at = words_at + length


def _event(words: list[Any], floats: tuple[float, ...], places: int, pool: int) -> bytes:
    user, request, at, traffic, version, policy, weight, rung, temperature, seed, shown, drawn = (
        words
    )
    log_p, log_v = floats[places : places + pool], floats[places + pool :]
    event = {
        "type": "impression",
        "schema_version": SCHEMA_VERSION,
        "event_id": os.urandom(16).hex(),
        "user_id": user,
        "occurred_at": at,
        "traffic": traffic,
        "consent": True,
        "request_id": request,
        "items": [
            {"restaurant_id": name, "rank": rank, "propensity": floats[rank - 1]}
            for rank, name in enumerate(shown, start=1)
        ],
        "pool": [
            {"restaurant_id": name, "log_p": p, "log_v": v}
            for name, p, v in zip(drawn, log_p, log_v, strict=True)
        ],
        "model_version": version,
        "policy": policy,
        "arm": None,
        "rung": rung,
        "revenue_weight": weight,
        "temperature": temperature,
        "seed": seed,
    }
    return orjson.dumps(event, option=orjson.OPT_SORT_KEYS)
