"""What diners do becomes what the next request knows of them; see :mod:`maitred.features`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from maitred.clock import Clock
from maitred.features import News
from maitred.store.traces import Traces
from maitred.store.writer import StateWriter
from services.consumers.batch import Outcome, Taken, decode
from services.eventlog.port import Record

__all__ = ["USELESS", "FeaturesConsumer", "news_of"]

USELESS: Final = frozenset({"impression", "seen"})
"""Types of events that never change a diner's state: most of the log."""
KEEP_UP_S: Final = 2.0
"""How often buckets that nothing was written to learn the newest offsets, and Redis is looked after."""


class FeaturesConsumer:
    """Applies events to diner states; repetition and disorder change nothing.

    Offsets lie beside the states: a Redis that lost its last seconds is given them again. ``traces``
    sees to it that erased diners leave Redis's disk too.
    """

    name = "features"

    def __init__(self, states: StateWriter, traces: Traces, *, clock: Clock) -> None:
        self._states = states
        self._traces = traces
        self._clock = clock
        self._kept_up_at = clock.monotonic()

    def resume_at(self) -> Mapping[int, int]:
        """See :class:`~services.consumers.batch.Consumer`."""
        offsets = self._states.resume()
        if self._states.knows_erased:  # who ended before us may not have come to sweeping
            self._traces.leave()
        return offsets

    def take(self, records: Sequence[Record]) -> Outcome:
        """See :class:`~services.consumers.batch.Consumer`."""
        batch = decode(records, USELESS)
        news: dict[str, News] = {}
        applied = news_of(batch.taken, news)
        self._states.write(news, batch.offsets)
        if any(about.erased_at is not None for about in news.values()):
            self._traces.leave()
        now = self._clock.monotonic()
        if now - self._kept_up_at >= KEEP_UP_S:
            self._states.keep_up()
            self._traces.sweep()
            self._kept_up_at = now
        return Outcome(
            applied=len(applied),
            skipped=len(batch.taken) - len(applied) + batch.passed_over,
            dead=len(batch.undecodable),
            offsets=batch.offsets,
            appended_ms=[record.timestamp_ms for record in applied],
        )

    def finish(self) -> Outcome:
        """See :class:`~services.consumers.batch.Consumer`."""
        self._states.keep_up()
        return Outcome()

    def abandon(self) -> None:
        """See :class:`~services.consumers.batch.Consumer`; nothing waits here."""


def news_of(batch: Iterable[Taken], news: dict[str, News]) -> list[Record]:
    """Add what events, in the log's order, say of each diner; return the records that say anything."""
    applied = []
    for taken in batch:
        user = taken.event.user_id
        about = news.get(user) or News()
        if about.take(taken.event):
            news[user] = about
            applied.append(taken.record)
    return applied
