"""Each rule of what counts as a failure, alone."""

import orjson
import pytest

from loadtests.judge import Failure, Judge
from maitred.catalogue import Catalogue, Restaurant, parse_hours
from maitred.client import Query


def body(ids: list[str], **changes: object) -> bytes:
    reply = {
        "request_id": "q", "model_version": None, "objective": "clicks", "revenue_weight": None,
        "experiment": None, "arm": None, "rung": "popular", "degraded": None, "took_ms": 1.0,
        "filtered": {},
        "items": [
            {"restaurant_id": r, "rank": i, "score": 1.0, "propensity": 1.0}
            for i, r in enumerate(ids, start=1)
        ],
    }  # fmt: skip
    return orjson.dumps(reply | changes)


QUERY = Query(k=2, exclude=("closed",))
GOOD = body(["a", "b"])


def test_a_good_reply_is_no_failure_and_names_its_rung() -> None:
    verdict = Judge().judge(QUERY, 200, GOOD, 99.9)

    assert verdict.failure is None
    assert verdict.rung == "popular"


@pytest.mark.parametrize(
    ("status", "content", "waited_ms", "failure"),
    [
        (0, b"", 5.0, Failure.CONNECTION),
        (500, GOOD, 5.0, Failure.STATUS),
        (422, b"{}", 5.0, Failure.STATUS),
        (200, GOOD, 100.1, Failure.LATE),
        (200, b"<html>", 5.0, Failure.SCHEMA),
        (200, body(["a", "b"], rung="excellent"), 5.0, Failure.SCHEMA),
        (200, body(["a", "b"], degraded="tired"), 5.0, Failure.SCHEMA),
        (200, body(["a", "a"]), 5.0, Failure.SCHEMA),
        (200, body(["a", "b", "c"]), 5.0, Failure.SCHEMA),
        (200, body(["a", "closed"]), 5.0, Failure.FILTER),
        (200, body(["a"]), 5.0, Failure.FEW),
        (200, body(["a"], filtered={"exclude": 18}), 5.0, None),
    ],
)
def test_each_rule(status: int, content: bytes, waited_ms: float, failure: Failure | None) -> None:
    assert Judge().judge(QUERY, status, content, waited_ms).failure == failure


def test_a_wrong_reply_that_is_also_late_counts_once_for_what_is_wrong() -> None:
    assert Judge().judge(QUERY, 200, body(["a"]), 500.0).failure == Failure.FEW


@pytest.mark.parametrize(
    ("query", "ids", "failure"),
    [
        (Query(k=3, price_max=2), ["a", "b"], None),
        (Query(k=3, price_max=2), ["a", "c"], Failure.FILTER),
        (Query(k=2, price_max=2), ["a"], Failure.FEW),
        (Query(k=1, open_at="2026-05-01T20:00:00+00:00"), ["a"], None),
        (Query(k=1, open_at="2026-05-01T10:00:00+00:00"), ["a"], Failure.FILTER),
        (Query(k=1, lat=0.0, lon=0.0, radius_km=1.0), ["b"], Failure.FILTER),
        (Query(k=1), ["stranger"], Failure.FILTER),
    ],
)
def test_a_catalogue_shows_what_a_reply_cannot_say_of_itself(
    query: Query, ids: list[str], failure: Failure | None
) -> None:
    hours = parse_hours(["fri 18:00-23:00"])
    catalogue = Catalogue.of(
        (
            Restaurant("a", price_level=1, hours=hours, lat=0.0, lon=0.0),
            Restaurant("b", price_level=2, lat=1.0, lon=1.0),
            Restaurant("c", price_level=4),
        )
    )

    assert Judge(catalogue).judge(query, 200, body(ids), 5.0).failure == failure
