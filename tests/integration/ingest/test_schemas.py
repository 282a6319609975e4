"""The published schema says the same as the door."""

from typing import Any

import jsonschema
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maitred import events
from maitred.errors import InvalidEvent
from services.ingest.schemas import described
from tests.support.documents import ROOT
from tests.support.doors import Door, click, order
from tests.support.event_laws import records

VALIDATOR = jsonschema.Draft202012Validator(described(1))


def test_the_versions_are_listed_and_each_can_be_had(standing: Door) -> None:
    [version] = standing.client.get("/v1/events/schema").json()["versions"]
    reply = standing.client.get(version["url"])

    assert version == {"version": 1, "url": "/v1/events/schema/1", "is_current": True}
    assert reply.headers["content-type"] == "application/schema+json"
    schema = reply.json()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == "urn:maitred:event:1"


def test_who_has_it_already_is_not_sent_it_again(standing: Door) -> None:
    tag = standing.client.get("/v1/events/schema/1").headers["etag"]

    again = standing.client.get("/v1/events/schema/1", headers={"If-None-Match": tag})
    other = standing.client.get("/v1/events/schema/1", headers={"If-None-Match": '"other"'})

    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert other.status_code == 200


@pytest.mark.parametrize("version", ["2", "0", "x", "01"])
def test_an_unknown_version_is_404_and_names_the_known_ones(standing: Door, version: str) -> None:
    reply = standing.client.get(f"/v1/events/schema/{version}")

    assert reply.status_code == 404
    assert "there are 1" in reply.json()["detail"]


def test_its_examples_are_what_it_describes_and_get_in(standing: Door) -> None:
    for example in described(1)["examples"]:
        VALIDATOR.validate(example)
        assert standing.post(example).status_code == 202


def test_every_field_is_described() -> None:
    for name, part in described(1)["$defs"].items():
        for field, about in part.get("properties", {}).items():
            is_plain = field in {"type", "restaurant_id", "change", "currency"}
            assert is_plain or about.get("description"), f"{name}.{field}"


def is_event(record: object) -> bool:
    try:
        events.parse(record)
    except InvalidEvent:
        return False
    return True


@given(records)
def test_what_gets_in_is_what_the_schema_describes(record: dict[str, Any]) -> None:
    assert VALIDATOR.is_valid(record) == is_event(record)


_VALUES = st.none() | st.booleans() | st.integers(-3, 3) | st.floats(0, 1) | st.text(max_size=3)


@given(
    st.sampled_from([click(), order(), click(type="seen", ranks=[1])]),
    st.sampled_from(
        ["type", "event_id", "user_id", "restaurant_id", "consent", "traffic", "request_id",
         "schema_version", "basket_minor", "currency", "ranks", "surprise"]
    ),
    _VALUES | st.lists(_VALUES, max_size=2),
)  # fmt: skip
def test_one_wrong_field_is_wrong_for_both(
    event: dict[str, Any], field: str, value: object
) -> None:
    record = orjson.loads(orjson.dumps(event | {field: value}))

    assert VALIDATOR.is_valid(record) == is_event(record)


def test_the_page_names_every_field_of_every_type() -> None:
    page = (ROOT / "docs/events.md").read_text("utf-8")
    parts = described(1)["$defs"]
    common = set.intersection(
        *(set(part["properties"]) for part in parts.values() if "properties" in part)
    )

    for name in common:
        assert f"\n| `{name}` |" in page, name
    for part in parts.values():
        fields = part.get("properties", {})
        if not fields:
            continue
        row = next(
            line
            for line in page.splitlines()
            if line.startswith(f"| `{fields['type']['const']}` |")
        )
        for name in fields.keys() - common:
            assert name in row, f"{fields['type']['const']}: {name}"
