"""What diners do becomes what the next request knows of them; see :mod:`maitred.features`."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from maitred.events import Event, Traffic
from maitred.features import interaction_of
from maitred.store.state import StateStore
from services.consumers.batch import Outcome, decode
from services.eventlog.port import Record

__all__ = ["FeaturesConsumer"]

APPLIED: Final = frozenset({Traffic.LIVE, Traffic.REPLAY, Traffic.SIMULATED})
"""Kinds of traffic whose events change a diner's state."""
USELESS: Final = frozenset({"impression", "seen"})
"""Types of events that never do: most of the log."""


class FeaturesConsumer:
    """Applies events to diner states; replays and disorder change nothing."""

    name = "features"

    def __init__(self, states: StateStore) -> None:
        self._states = states

    def resume_at(self) -> Mapping[int, int]:
        """See :class:`~services.consumers.batch.Consumer`."""
        return {}

    def take(self, records: Sequence[Record]) -> Outcome:
        """See :class:`~services.consumers.batch.Consumer`."""
        batch = decode(records, USELESS)
        diners: dict[str, list[Event]] = defaultdict(list)
        applied = 0
        for taken in batch.taken:
            if _counts(taken.event):
                diners[taken.event.user_id].append(taken.event)
                applied += 1
        if diners:
            self._states.update(diners)
        return Outcome(
            applied=applied,
            skipped=len(batch.taken) - applied + batch.passed_over,
            dead=len(batch.undecodable),
            offsets=batch.offsets,
        )

    def finish(self) -> Outcome:
        """See :class:`~services.consumers.batch.Consumer`."""
        return Outcome()


def _counts(event: Event) -> bool:
    return event.consent and event.traffic in APPLIED and interaction_of(event) is not None
