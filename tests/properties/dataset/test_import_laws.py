"""Laws of imports, fingerprints and splits."""

import csv
import tempfile
from pathlib import Path

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.datasets import START, events_frame, run_data, small_dataset
from training.dataset import build, split

MAPPING = """
schema = 1
[source]
currency = "USD"
[events]
file = "orders.csv"
type = {column = "status", map = {done = "order"}, drop = ["void"]}
user_id = "user"
restaurant_id = "place"
occurred_at = "at"
value = "total"
lat = "lat"
lon = "lon"
"""

COLUMNS = ("user", "place", "at", "total", "status", "lat", "lon")
CELLS = st.tuples(
    st.sampled_from(["u1", "u2", " u1 ", "", "Zoë", 'a "b"', "two\nlines", "x" * 200]),
    st.sampled_from(["r1", "r2", ""]),
    st.sampled_from(["2026-05-01T19:00Z", "2026-05-02", "soon", "", "2199-01-01", "0001-01-01"]),
    st.sampled_from(["1", "2.50", "-3", "", "1e99", "nan", "ten"]),
    st.sampled_from(["done", "void", "lost", ""]),
    st.sampled_from(["45", "", "north", "1000"]),
    st.sampled_from(["4", "", "west"]),
)
ROWS = st.lists(st.one_of(CELLS, st.just(("broken",)), st.just(())), min_size=1, max_size=25)

EVENT = st.fixed_dictionaries(
    {
        "user_id": st.sampled_from(["u1", "u2", "u3"]),
        "restaurant_id": st.sampled_from(["r1", "r2", "r3"]),
        "type": st.sampled_from(["click", "order"]),
        "request_id": st.sampled_from([None, "q1", "q2", "q3"]),
        "occurred_at": st.integers(0, 5).map(lambda m: START + pd.Timedelta(minutes=m)),
        "value_minor": st.sampled_from([None, 0, 1250]),
        "lat": st.sampled_from([None, 0.0, -0.0, 45.5]),
    }
)


@given(rows=ROWS)
@settings(max_examples=60, deadline=None)
def test_rows_read_are_kept_quarantined_or_exact_duplicates(rows: list[tuple[str, ...]]) -> None:
    with tempfile.TemporaryDirectory() as home:
        source, out = Path(home) / "source", Path(home) / "out"
        source.mkdir()
        with (source / "orders.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])
        mapping = Path(home) / "m.toml"
        mapping.write_text(MAPPING)

        ran = run_data("import", "--mapping", mapping, "--source", source, "--out", out, "--json")

    if ran.exit_code:
        assert "no row of events was fit to keep" in ran.err
        return
    total = ran.json["accounts"]["total"]
    assert total["rows_read"] == len(rows)
    assert total["rows_read"] == total["kept"] + total["quarantined"] + total["duplicates"]
    assert total["kept"] == ran.json["dataset"]["counts"]["events"]


@given(rows=st.lists(EVENT, min_size=1, max_size=12), order=st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_rows_does_not_change_the_fingerprint(rows, order) -> None:  # noqa: ANN001
    frame = events_frame(rows)
    shuffled = list(range(len(frame)))
    order.shuffle(shuffled)
    restaurants = pd.DataFrame({"restaurant_id": ["r1", "r2", "r3"]})

    one = build(frame, restaurants, None, source="one")
    two = build(frame.iloc[shuffled], restaurants.iloc[::-1], None, source="two")

    assert one.meta.fingerprint == two.meta.fingerprint


@given(
    rows=st.lists(EVENT, min_size=1, max_size=8),
    column=st.sampled_from(["user_id", "type", "value_minor", "lat", "request_id", "weight"]),
    place=st.integers(0, 7),
)
@settings(max_examples=60, deadline=None)
def test_a_changed_cell_changes_the_fingerprint(
    rows: list[dict[str, object]], column: str, place: int
) -> None:
    frame = events_frame(rows)
    changed = frame.copy()
    other = {"user_id": "u9", "type": "seen", "value_minor": 77, "lat": 1.5, "weight": 2.0}
    values = changed[column].astype("object").tolist()
    values[place % len(values)] = other.get(column, "q9")
    changed[column] = pd.Series(values, index=changed.index, dtype="object")

    one = build(frame, pd.DataFrame({"restaurant_id": ["r1"]}), None, source="a test")
    two = build(changed, pd.DataFrame({"restaurant_id": ["r1"]}), None, source="a test")

    assert one.meta.fingerprint != two.meta.fingerprint


@given(rows=st.lists(EVENT, min_size=1, max_size=30))
@settings(max_examples=60, deadline=None)
def test_protocol_last_never_learns_from_what_it_asks_for_or_from_later(
    rows: list[dict[str, object]],
) -> None:
    dataset = small_dataset([*rows, {"user_id": "z"}, {"user_id": "z"}])

    parts = split(dataset, "last")

    train, test = parts.train.events, parts.test.events
    assert test["user_id"].is_unique
    assert set(test["type"]) == {"order"}
    assert not set(train["event_id"]) & set(test["event_id"])
    for held in test.itertuples():
        own = train[train["user_id"] == held.user_id]
        assert not own.empty
        if isinstance(held.request_id, str):
            assert held.request_id not in set(own["request_id"].dropna())
    whole = set(dataset.events["user_id"]) - set(test["user_id"])
    untouched = dataset.events[dataset.events["user_id"].isin(whole)]
    assert set(untouched["event_id"]) <= set(train["event_id"])
