"""``maitred events attribute``: a table of outcomes from the command line."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from maitred.cli import build as command_line
from tests.support.archives import archive_of, order, wire


def at(hour: int) -> str:
    return f"2026-05-01T{hour:02}:00:00+00:00"


def impression(event_id: str, hour: int, **fields: object) -> dict[str, Any]:
    items = [
        {"restaurant_id": name, "rank": rank, "propensity": 0.5}
        for rank, name in enumerate(("r1", "r2"), 1)
    ]
    record = wire("impression", event_id, occurred_at=at(hour), items=items, policy="p",
                  rung="personalised", model_version="clicks-1", **fields)  # fmt: skip
    del record["restaurant_id"]
    return record


@pytest.fixture
def state(tmp_path: Path) -> Path:
    archive_of(
        tmp_path / "archive",
        impression("i1", 8, request_id="q1"),
        impression("i2", 12),
        wire("click", "c1", occurred_at=at(13), request_id="q1"),
        wire("click", "c2", occurred_at=at(13), restaurant_id="r2"),
        wire("click", "c3", occurred_at=at(13), restaurant_id="elsewhere"),
        wire("click", "c4", occurred_at=at(13), consent=False),
        order("o1", occurred_at=at(20)),
        order("o2", occurred_at=at(14), restaurant_id="r2", platform_revenue_minor=500),
        wire("order_changed", "x", occurred_at=at(22), restaurant_id="r2", order_id="o2", change="refunded"),
        wire("click", "loaded", occurred_at=at(13), traffic="load"),
    )  # fmt: skip
    return tmp_path


def run(state: Path, *arguments: str):
    out = state / "outcomes.parquet"
    ran = CliRunner(env={"MAITRED_STATE_DIR": str(state)}).invoke(
        command_line(), ["events", "attribute", "--out", str(out), *arguments]
    )
    return ran, out


def test_outcomes_are_written_and_counted(state: Path) -> None:
    ran, out = run(state, "--window", "6", "--json")

    assert ran.exit_code == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert (found["impressions"], found["shown"], found["window_hours"]) == (2, 4, 6)
    ways = ("by_request", "by_window", "unattributed")
    assert [found[f"clicks_{way}"] for way in ways] == [1, 1, 1]
    assert [found[f"orders_{way}"] for way in ways] == [0, 1, 1]
    assert (found["changed"], found["assumed"], found["without_consent"]) == (1, 1, 1)
    rows = {(r["row"], r["event_id"], r["rank"]): r for r in pq.read_table(out).to_pylist()}
    assert len(rows) == 9
    assert rows["click", "c1", 1]["impression_id"] == "i1"
    assert rows["order", "o1", None]["revenue_minor"] == 300
    refunded = rows["shown", "i2", 2]
    assert (refunded["clicks"], refunded["orders"], refunded["revenue_minor"]) == (1, 1, 0)
    assert refunded["currency"] == "USD"


def test_the_window_of_the_settings_holds_unless_another_is_named(state: Path) -> None:
    ran, _ = run(state)

    assert ran.exit_code == 0, ran.stderr
    assert "within 24 h" in " ".join(ran.stdout.split())


def test_since_leaves_out_what_is_older_and_still_finds_what_led_to_the_rest(state: Path) -> None:
    ran, out = run(state, "--since", "2026-05-01T12:30:00", "--json")

    found = json.loads(ran.stdout)
    assert (found["shown"], found["clicks_by_request"], found["clicks_by_window"]) == (0, 1, 1)
    assert set(pq.read_table(out)["row"].to_pylist()) == {"click", "order"}


def test_an_archive_that_nobody_wrote_gives_an_empty_table(tmp_path: Path) -> None:
    ran, out = run(tmp_path, "--json")

    assert ran.exit_code == 0, ran.stderr
    assert pq.read_table(out).num_rows == 0


def test_orders_in_two_currencies_are_refused_and_nothing_is_written(state: Path) -> None:
    archive_of(state / "archive", order("o3", currency="EUR"))

    ran, out = run(state)

    assert ran.exit_code == 1
    assert "EUR, USD" in ran.stderr
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "name"),
    [(("--traffic", "lvie"), "lvie"), (("--out", "no/such/folder.parquet"), "--out")],
)
def test_what_does_not_exist_is_wrong_usage_and_named(
    state: Path, arguments: tuple[str, str], name: str
) -> None:
    ran, _ = run(state, *arguments)

    assert ran.exit_code == 2
    assert name in ran.stderr
