"""A data set's events in the wire format, so that what once happened can be replayed over HTTP.

Only what clients may send leaves: clicks, orders and dismissals.
"""

from collections.abc import Iterator

import pandas as pd

from maitred.events import Click, DinerEvent, Dismiss, Order, Traffic

__all__ = ["wire_events"]

_NO_CURRENCY = "XXX"
"""ISO 4217 for "no currency": a choice that no value was recorded for."""


def wire_events(events: pd.DataFrame) -> Iterator[DinerEvent]:
    """Yield the events of a data set in their order; rows that clients cannot send are left out.

    An order's value is what it is worth to the platform, so it is sent as both the basket and the
    platform's revenue: training on the replayed order sees the same value as on the row.
    """
    columns = ["event_id", "user_id", "restaurant_id", "type", "occurred_at", "request_id"]
    rows = events[columns].itertuples(index=False, name=None)
    worth = zip(events["value_minor"], events["currency"], strict=True)
    for (event_id, user, restaurant, kind, at, request), (value, currency) in zip(
        rows, worth, strict=True
    ):
        common = {
            "event_id": event_id,
            "user_id": user,
            "restaurant_id": restaurant,
            "occurred_at": at.to_pydatetime(),
            "request_id": None if pd.isna(request) else request,
            "traffic": Traffic.REPLAY,
        }
        match kind:
            case "click":
                yield Click(**common)
            case "dismiss":
                yield Dismiss(**common)
            case "order":
                minor = 0 if pd.isna(value) else int(value)
                yield Order(
                    order_id=event_id,
                    basket_minor=minor,
                    platform_revenue_minor=None if pd.isna(value) else minor,
                    currency=_NO_CURRENCY if pd.isna(currency) else currency,
                    **common,
                )
            case _:  # `seen` rows carry no list: nothing a client could send
                continue
