"""Any event that the contract allows, for laws that hold for all of them."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st

from maitred.events import Traffic

ids = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=12)
floats = st.floats(allow_nan=False, allow_infinity=False)
minor = st.integers(0, 10**12)
zones = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))
moments = st.datetimes(
    datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=st.just(UTC) | zones  # noqa: DTZ001
)  # fmt: skip
shown = st.fixed_dictionaries(
    {"restaurant_id": ids, "rank": st.integers(1, 100), "propensity": st.floats(0, 1)}
)
drawn = st.fixed_dictionaries({"restaurant_id": ids, "log_p": floats, "log_v": floats})
_KINDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "click": ({"restaurant_id": ids}, {}),
    "dismiss": ({"restaurant_id": ids}, {}),
    "order": (
        {
            "restaurant_id": ids,
            "order_id": ids,
            "basket_minor": minor,
            "currency": st.just("USD"),
        },
        {"platform_revenue_minor": st.none() | minor},
    ),
    "order_changed": (
        {"restaurant_id": ids, "order_id": ids, "change": st.sampled_from(["refunded"])},
        {"basket_minor": st.none() | minor},
    ),
    "seen": ({"ranks": st.lists(st.integers(1, 100), max_size=4)}, {}),
    "erase": ({}, {}),
    "impression": (
        {
            "items": st.lists(shown, max_size=3),
            "policy": ids,
            "rung": st.sampled_from(["personalised", "static"]),
        },
        {
            "pool": st.lists(drawn, max_size=3),
            "model_version": st.none() | ids,
            "revenue_weight": st.none() | st.floats(0, 1),
            "temperature": st.floats(0, 5),
            "seed": st.integers(-(2**63), 2**64 - 1),
        },
    ),
}
_COMMON = {"event_id": ids, "user_id": ids, "occurred_at": moments.map(datetime.isoformat)}
_PERHAPS = {
    "traffic": st.sampled_from([kind.value for kind in Traffic]),
    "consent": st.booleans(),
    "request_id": st.none() | ids,
    "schema_version": st.just(1),
}

records = st.one_of(
    st.fixed_dictionaries({"type": st.just(kind), **_COMMON, **must}, optional=_PERHAPS | may)
    for kind, (must, may) in _KINDS.items()
)
"""Events as JSON objects, defaults left out now and then."""
