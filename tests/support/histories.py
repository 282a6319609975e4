"""What replays of diner states are tried on: a history, and what is served of it."""

from datetime import timedelta

from maitred.events import Click, Erase, Event
from maitred.features import DinerState
from maitred.store.client import Redis
from maitred.store.state import StateStore
from tests.support.diners import START


def click(number: int, minute: int | None = None) -> Click:
    at = START + timedelta(minutes=number if minute is None else minute)
    user = f"u{number % 23}"
    return Click(
        event_id=f"e{number}", user_id=user, occurred_at=at, restaurant_id=f"r{number % 9}"
    )


def history(first: int, count: int) -> list[Event]:
    """Clicks, some late, some that must teach nothing, and a diner who leaves and comes back."""
    events: list[Event] = []
    for number in range(first, first + count):
        event: Event = click(number, minute=number - 40 if number % 11 == 0 else None)
        if number % 13 == 0:
            event = event.model_copy(update={"consent": False})
        if number % 50 == 49:
            at = START + timedelta(minutes=number)
            event = Erase(event_id=f"x{number}", user_id=f"u{number % 5}", occurred_at=at)
        events.append(event)
    return events


def served(redis: Redis, log: list[Event]) -> dict[str, DinerState]:
    found = StateStore(redis).load(sorted({event.user_id for event in log}))
    return {user: state for user, state in found.items() if state.recent}
