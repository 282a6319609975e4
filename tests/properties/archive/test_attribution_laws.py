"""The join of what was done to what was shown, against one that anybody can read."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from maitred.archive.attribution import OUTCOMES, Outcomes, Rule, attribute
from maitred.ids import bucket
from tests.support.archives import archive_of

Row = dict[str, Any]
START = datetime(2026, 5, 1, 12, tzinfo=UTC)
WINDOW = timedelta(hours=3)
RATE = 0.15
RULE = Rule(WINDOW, RATE, {"live"})
OF_THE_LIST = ("model_version", "policy", "arm", "rung", "revenue_weight")

users = st.sampled_from(["u1", "u2", "u\0", "ü3"])
restaurants = st.sampled_from(["r1", "r2", "r3", "r\0"])
requests = st.none() | st.sampled_from(["q1", "q2", "q3"])
times = st.integers(0, 8).map(lambda hours: (START + timedelta(hours=hours)).isoformat())
amounts = st.none() | st.integers(0, 10_000)
common = {"user_id": users, "occurred_at": times, "request_id": requests}
lists = st.lists(restaurants, unique=True, max_size=4).map(
    lambda names: [
        {"restaurant_id": name, "rank": rank, "propensity": 1 / (1 + rank)}
        for rank, name in enumerate(names, 1)
    ]
)
impressions = st.fixed_dictionaries(
    {**common, "type": st.just("impression"), "items": lists, "policy": st.just("plackett-luce"),
     "rung": st.sampled_from(["personalised", "popular"]), "arm": st.none() | st.just("a"),
     "model_version": st.just("clicks-1"), "revenue_weight": st.none() | st.just(0.25)}
)  # fmt: skip
clicks = st.fixed_dictionaries({**common, "type": st.just("click"), "restaurant_id": restaurants})
order_ids = st.sampled_from(["o1", "o2", "o3"])
orders = st.fixed_dictionaries(
    {**common, "type": st.just("order"), "restaurant_id": restaurants, "order_id": order_ids,
     "basket_minor": st.integers(0, 10_000), "platform_revenue_minor": amounts,
     "currency": st.sampled_from(["USD", "USD", "XXX"])}
)  # fmt: skip
changes = st.fixed_dictionaries(
    {**common, "type": st.just("order_changed"), "restaurant_id": restaurants,
     "order_id": order_ids, "change": st.sampled_from(["cancelled", "refunded", "adjusted"]),
     "basket_minor": amounts, "platform_revenue_minor": amounts}
)  # fmt: skip
logs = st.lists(impressions | clicks | orders | changes, max_size=25).map(
    lambda rows: [row | {"event_id": f"e{number:02}"} for number, row in enumerate(rows)]
)


def naive(log: list[Row]) -> list[Row]:
    """The same by going through everything for everything."""
    shown = [
        item | {"of": row} for row in log if row["type"] == "impression" for item in row["items"]
    ]
    outcomes: list[Row] = []
    for deed in (row for row in log if row["type"] in {"click", "order"}):
        same = [s for s in shown if (s["of"]["user_id"], s["restaurant_id"])
                == (deed["user_id"], deed["restaurant_id"])]  # fmt: skip
        asked = [
            s for s in same if deed["request_id"] and s["of"]["request_id"] == deed["request_id"]
        ]
        at = datetime.fromisoformat(deed["occurred_at"])
        before = [s for s in same if timedelta(0) <= at - _at(s["of"]) <= WINDOW]
        led = _newest([s for s in asked if _at(s["of"]) <= at]) or _oldest(asked) or _newest(before)
        how = None if led is None else "request" if asked else "window"
        outcomes.append(
            _outcome(deed, led) | {"attributed": how} | _worth(deed, log) | {"led": led}
        )
    counted = [
        _outcome(s["of"], s)
        | {"row": "shown", "restaurant_id": s["restaurant_id"]}
        | _summed([deed for deed in outcomes if deed["led"] is s])
        for s in shown
    ]
    rows = [{name: row.get(name) for name in OUTCOMES.names} for row in counted + outcomes]
    return sorted(rows, key=lambda r: (
        bucket(r["user_id"]), r["user_id"].encode(), r["occurred_at"], r["row"], r["event_id"], r["rank"] or 0,
    ))  # fmt: skip


def _at(row: Row) -> datetime:
    return datetime.fromisoformat(row["occurred_at"])


def _newest(some: list[Row]) -> Row | None:
    return max(some, key=lambda s: (_at(s["of"]), s["of"]["event_id"]), default=None)


def _oldest(some: list[Row]) -> Row | None:
    return min(some, key=lambda s: (_at(s["of"]), s["of"]["event_id"]), default=None)


def _outcome(row: Row, led: Row | None) -> Row:
    kept = ("user_id", "restaurant_id", "event_id", "request_id", "order_id", "currency")
    found = {name: row.get(name) for name in kept} | {
        "row": row["type"],
        "traffic": "live",
        "occurred_at": _at(row),
    }
    if led is None:
        return found
    of = {name: led["of"][name] for name in OF_THE_LIST}
    place = {"rank": led["rank"], "propensity": led["propensity"]}
    return (
        found
        | of
        | place
        | {"impression_id": led["of"]["event_id"], "impression_at": _at(led["of"])}
    )


def _worth(deed: Row, log: list[Row]) -> Row:
    if deed["type"] != "order":
        return {}
    words = [row for row in log if row["type"] == "order_changed"
             and (row["user_id"], row["order_id"]) == (deed["user_id"], deed["order_id"])]  # fmt: skip
    word = max(words, key=lambda row: (_at(row), row["event_id"]), default={})
    if deed["currency"] == "XXX":
        return {"change": word.get("change")}
    basket, revenue = deed["basket_minor"], deed["platform_revenue_minor"]
    new_basket, new_revenue = word.get("basket_minor"), word.get("platform_revenue_minor")
    if word.get("change") in {"cancelled", "refunded"}:
        basket, revenue = 0, 0
    elif new_basket is not None:
        revenue = None
    basket = basket if new_basket is None else new_basket
    revenue = revenue if new_revenue is None else new_revenue
    assumed = revenue is None
    revenue = round(basket * RATE) if revenue is None else revenue
    return {
        "change": word.get("change"),
        "basket_minor": basket,
        "revenue_minor": revenue,
        "assumed": assumed,
    }


def _summed(deeds: list[Row]) -> Row:
    priced = [deed for deed in deeds if deed.get("revenue_minor") is not None]
    found: Row = {
        "clicks": sum(d["row"] == "click" for d in deeds),
        "orders": sum(d["row"] == "order" for d in deeds),
    }
    if priced:
        found |= {
            name: sum(deed[name] for deed in priced) for name in ("basket_minor", "revenue_minor")
        }
        found |= {"assumed": any(deed["assumed"] for deed in priced), "currency": "USD"}
    return found


def attributed(log: list[Row], rule: Rule = RULE, **how: int) -> tuple[list[Row], Outcomes]:
    with TemporaryDirectory() as home:
        folder = archive_of(Path(home) / "archive", *log)
        found = attribute(folder, Path(home) / "out.parquet", rule, **how)
        assert [path.name for path in Path(home).iterdir()] in (
            ["out.parquet", "archive"], ["archive", "out.parquet"],
        )  # fmt: skip
        return pq.read_table(Path(home) / "out.parquet").to_pylist(), found


@settings(max_examples=40, deadline=None)
@given(logs)
def test_the_join_says_what_a_naive_one_says(log: list[Row]) -> None:
    rows, found = attributed(log)

    assert rows == naive(log)
    for kind in ("click", "order"):
        ways = ("by_request", "by_window", "unattributed")
        assert sum(found.counts[f"{kind}s_{way}"] for way in ways) == found.counts[f"{kind}s"]
        assert found.counts[f"{kind}s"] == sum(row["type"] == kind for row in log)


@settings(max_examples=8, deadline=None)
@given(logs)
def test_parts_change_neither_rows_nor_their_order(log: list[Row]) -> None:
    assert attributed(log, part_bytes=20_000)[0] == attributed(log)[0]
