"""What a request says means the same in a query and in a body, and nothing crashes the reader."""

from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import urlencode

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maitred.errors import InvalidInput
from maitred.events import Traffic
from maitred.policy import Objective
from services.inference.ask import Ask
from services.inference.parameters import PARAMETERS
from services.inference.policies import load_policies
from services.inference.schemas import ask_of_body, ask_of_query

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
POLICIES = load_policies(None)
names = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=20)

requests = (
    st.fixed_dictionaries(
        {"request_id": names},
        optional={
            "user_id": names,
            "k": st.integers(1, 100),
            "objective": st.sampled_from([o.value for o in Objective]),
            "radius_km": st.floats(0, 20_000),
            "cuisine": st.lists(names, min_size=1, max_size=3),
            "exclude": st.lists(names, min_size=1, max_size=3),
            "price_max": st.integers(1, 4),
            "open_at": st.just("now")
            | st.datetimes(datetime(1970, 1, 1), datetime(2199, 12, 31)).map(datetime.isoformat),  # noqa: DTZ001
            "attribute": st.lists(names, min_size=1, max_size=3),
            "delivers": st.booleans(),
            "seen": st.sampled_from(["keep", "mask"]),
            "max_per_cuisine": st.integers(1, 100),
            "cursor": st.just("start"),
            "policy": st.sampled_from(list(POLICIES)),
            "explain": st.booleans(),
            "explore": st.booleans(),
            "traffic": st.sampled_from([t.value for t in Traffic]),
            "revenue_weight": st.floats(0, 1),
        },
    )
    .map(lambda request: {**request, "lat": 41.5, "lon": -87.5})
    .filter(
        lambda request: (
            "revenue_weight" not in request or request.get("objective", "balanced") == "balanced"
        )
    )
)


@given(requests)
def test_a_query_and_a_body_that_say_the_same_ask_the_same(request: dict[str, object]) -> None:
    words = {k: str(v).lower() if isinstance(v, bool) else v for k, v in request.items()}

    from_query = ask_of_query(urlencode(words, doseq=True).encode(), NOW, POLICIES)
    from_body = ask_of_body(orjson.dumps(request), b"", NOW, POLICIES)

    assert from_query == from_body


@given(st.binary(max_size=60))
def test_any_bytes_are_a_request_or_refused_with_the_fields(raw: bytes) -> None:
    for read in (
        lambda: ask_of_query(raw, NOW, POLICIES),
        lambda: ask_of_body(raw, b"", NOW, POLICIES),
    ):
        fields = refused(read)

        assert fields is None or fields


def refused(read: Callable[[], Ask]) -> set[str] | None:
    """The fields at fault; None where the request is one."""
    try:
        read()
    except InvalidInput as error:
        return {field for field, _ in error.fields}
    return None


junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@pytest.mark.parametrize("name", PARAMETERS)
@settings(max_examples=30)
@given(value=junk)
def test_any_json_value_is_accepted_or_refused_by_name(name: str, value: object) -> None:
    fields = refused(lambda: ask_of_body(orjson.dumps({name: value}), b"", NOW, POLICIES))

    assert fields is None or fields == {name}
