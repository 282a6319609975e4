"""What leaves the service is what others were promised: the client's model, the event, OpenAPI."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maitred import events
from maitred.client import Recommendation
from maitred.events import Traffic
from maitred.policy import Objective, resolve
from services.inference import described
from services.inference.ask import Ask
from services.inference.datagram import Impression
from services.inference.parameters import PARAMETERS
from services.inference.schemas import ask_of_query
from services.inference.shown import Degraded, Rung, Shown
from tests.support.impressions import encode

NOW = datetime(2026, 5, 1, 12, 30, 15, 250_000, tzinfo=UTC)
IDS = tuple(f"r{i}" for i in range(9))


@given(
    rung=st.sampled_from(Rung),
    shown=st.lists(st.integers(0, 8), unique=True, max_size=9),
    pool=st.lists(st.integers(0, 8), unique=True, max_size=9),
    ask=st.builds(
        Ask,
        user_id=st.none() | st.text("äb c", min_size=1, max_size=128),
        request_id=st.text("xy", min_size=1, max_size=128),
        traffic=st.sampled_from(Traffic),
    ),
    weight=st.none() | st.floats(0, 1),
    seed=st.integers(0, 2**63 - 1),
)
def test_an_impression_on_the_wire_is_the_event_in_its_only_form(
    rung: Rung,
    shown: list[int],
    pool: list[int],
    ask: Ask,
    weight: float | None,
    seed: int,
) -> None:
    policy = resolve(None, weight, balanced_weight=0)
    rng = np.random.default_rng(seed)
    listed = Shown(
        rung,
        policy,
        np.array(shown, dtype=np.intp),
        rng.normal(size=len(shown)),
        rng.random(len(shown)),
        np.array(pool, dtype=np.intp),
        rng.normal(size=len(pool)),
        rng.normal(size=len(pool)),
        temperature=0.1,
        seed=seed,
    )

    raw = encode(Impression(ask, NOW, listed, IDS, "clicks-0123456789ab"))
    event = events.decode(raw)

    assert isinstance(event, events.Impression)
    assert events.encode(event) == raw
    assert [item.restaurant_id for item in event.items] == [IDS[i] for i in shown]
    assert (event.occurred_at, event.rung, event.seed) == (NOW, rung.value, seed)


def test_the_documented_reply_is_one_that_the_client_reads() -> None:
    example = described.RecommendationReply.model_json_schema()["examples"][0]

    reply = described.RecommendationReply.model_validate(example)
    read = Recommendation.model_validate(example)

    assert [item.restaurant_id for item in read.items] == [i.restaurant_id for i in reply.items]
    total = sum(reason.contribution for reason in reply.items[0].reasons)
    assert total == pytest.approx(reply.items[0].score)


def test_the_documents_enumerations_are_the_services() -> None:
    schema = described.RecommendationReply.model_json_schema()["properties"]

    assert set(schema["rung"]["enum"]) == {rung.value for rung in Rung}
    assert set(schema["degraded"]["anyOf"][0]["enum"]) == {d.value for d in Degraded}
    assert set(schema["objective"]["enum"]) == {o.value for o in Objective}


def document() -> dict[str, Any]:
    made: dict[str, Any] = {"paths": {}}
    described.add_to(made)
    return made


def test_every_parameter_is_documented_where_it_is_read() -> None:
    operations = document()["paths"][described.PATH]
    query = {parameter["name"] for parameter in operations["get"]["parameters"]}
    body = operations["post"]["requestBody"]["content"]["application/json"]["schema"]["properties"]

    assert query == {name for name, p in PARAMETERS.items() if p.in_query}
    assert set(body) == set(PARAMETERS)
    assert set(body) - query == {"history", "context"}
    assert all("example" in p for p in operations["get"]["parameters"])
    assert all(
        p["example"] == PARAMETERS[p["name"]].example for p in operations["get"]["parameters"]
    )
    assert all(member["examples"][0] is not None for member in body.values())


def test_a_query_without_words_asks_for_ten_of_the_best() -> None:
    ask = ask_of_query(b"", NOW, {})

    assert (ask.k, ask.user_id, ask.explore, ask.explain, ask.traffic) == (
        10, None, True, False, Traffic.LIVE,
    )  # fmt: skip
