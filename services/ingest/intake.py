"""One call of ingest: judge each event, publish the good ones, say what became of each.

A reply is given only when every event that it calls accepted is durable.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from maitred import events
from maitred.clock import Clock
from maitred.errors import InvalidEvent, Overloaded
from maitred.events import Erase, Event, Traffic
from maitred.ids import new_request_id
from maitred.observability import Metrics
from maitred.pseudonyms import Pseudonyms
from services.eventlog.headers import of_type
from services.eventlog.port import Entry
from services.eventlog.publisher import Publisher
from services.ingest.window import Key, Window, digest

__all__ = ["Intake", "Rules", "Verdict"]

Status = Literal["accepted", "duplicate", "too_old", "rejected"]
_SECONDS_PER_DAY = 86_400
_NO_KEY = (
    "erase needs the admin key: send 'Authorization: Bearer <key>' with the key of "
    "<state>/admin.key, or DELETE /v1/users/{id} with it"
)


@dataclass(frozen=True, slots=True)
class Rules:
    """What times are believed, and what stands for a diner."""

    future_tolerance_s: float
    dedup_days: int
    pseudonyms: Pseudonyms = field(default_factory=Pseudonyms)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of one event; ``faults`` are (field, reason) when it is not accepted."""

    event_id: str | None
    status: Status
    faults: tuple[tuple[str, str], ...] = ()
    traffic: str = "unknown"

    @property
    def reason(self) -> str | None:
        """The faults as a sentence, with what to do about them."""
        return "; ".join(f"{name}: {reason}" for name, reason in self.faults) or None


class Intake:
    """Takes events; use it from one event loop."""

    def __init__(
        self, publisher: Publisher, window: Window, rules: Rules, *, clock: Clock, metrics: Metrics
    ) -> None:
        self._publisher = publisher
        self._window = window
        self._rules = rules
        self._clock = clock
        self._metrics = metrics

    async def take(self, records: Sequence[object], *, may_erase: bool = False) -> list[Verdict]:
        """Return a verdict per record, in order, once all that were accepted are durable.

        Raises:
            Overloaded: queue or spool are full, or the spool nearly so; nothing of this call
                counts as accepted.
            SpoolUnavailable: the log is away, and the disk takes nothing; the same holds.
        """
        if self._publisher.is_nearly_full:  # the rest is for what is under way already
            msg = "the spool is nearly full: the log does not take what waits for it"
            raise Overloaded(msg, next_step="send the same events again later")
        entries: list[Entry] = []
        fresh: dict[Key, bytes] = {}
        now = self._clock.now()
        verdicts = [self._judge(record, now, entries, fresh, may_erase) for record in records]
        if entries:
            await asyncio.wrap_future(self._publisher.publish(entries))
        for key, body in fresh.items():
            self._window.remember(key, body)
        for labels, count in Counter((v.status, v.traffic) for v in verdicts).items():
            self._metrics.accepted.labels(*labels).inc(count)
        return verdicts

    async def erase(self, user_id: str) -> Erase:
        """Have a diner forgotten, as of now; return the event once it is durable.

        Goes on when the spool is nearly full.

        Raises:
            Overloaded, SpoolUnavailable: as :meth:`take`.
        """
        now, stored = self._clock.now(), self._rules.pseudonyms(user_id)
        event = Erase(event_id=new_request_id(), user_id=stored, occurred_at=now)
        entry = Entry(stored, events.encode(event), of_type(event.type))
        await asyncio.wrap_future(self._publisher.publish([entry]))
        self._metrics.accepted.labels("accepted", str(event.traffic)).inc()
        return event

    def _judge(
        self,
        record: object,
        now: datetime,
        entries: list[Entry],
        fresh: dict[Key, bytes],
        may_erase: bool,  # noqa: FBT001 - one of the caller's own
    ) -> Verdict:
        try:
            event = events.parse(record)
            age_s = events.age_s(event, now)
            self._require_past(age_s)
            _require_permitted(event, may_erase=may_erase)
        except InvalidEvent as error:
            return Verdict(_id_of(record), "rejected", error.fields)
        traffic = str(event.traffic)
        if self._is_too_old(event, age_s):
            fault = ("occurred_at", f"lies more than {self._rules.dedup_days} days in the past")
            return Verdict(event.event_id, "too_old", (fault,), traffic)
        user_id = self._rules.pseudonyms(event.user_id)
        if user_id != event.user_id:
            event = event.model_copy(update={"user_id": user_id})
        raw = events.encode(event)
        body, key = digest(raw), (user_id, event.event_id)
        before = fresh.get(key) or self._window.get(key)
        if before == body:
            return Verdict(event.event_id, "duplicate", traffic=traffic)
        entries.append(
            Entry(user_id, raw, of_type(event.type))
        )  # another body goes on to be dead-lettered
        if before is not None:
            fault = ("event_id", "was used for another event of this diner; the first one counts")
            return Verdict(event.event_id, "rejected", (fault,), traffic)
        fresh[key] = body
        return Verdict(event.event_id, "accepted", traffic=traffic)

    def _require_past(self, age_s: float) -> None:
        if -age_s > self._rules.future_tolerance_s:
            reason = f"lies {-age_s:.0f} s in the future; is the client's clock set?"
            msg = f"not an event: occurred_at: {reason}"
            raise InvalidEvent(msg, fields=(("occurred_at", reason),))

    def _is_too_old(self, event: Event, age_s: float) -> bool:
        """Tell whether ids of its time are forgotten; replays are old by nature and kept for ever."""
        if event.traffic is Traffic.REPLAY:
            return False
        return age_s > self._rules.dedup_days * _SECONDS_PER_DAY


def _require_permitted(event: Event, *, may_erase: bool) -> None:
    """Let nobody erase anybody without the key."""
    if isinstance(event, Erase) and not may_erase:
        msg = "not an event for everybody"
        raise InvalidEvent(msg, fields=(("type", _NO_KEY),))


def _id_of(record: object) -> str | None:
    found = record.get("event_id") if isinstance(record, dict) else None
    return found if isinstance(found, str) else None
