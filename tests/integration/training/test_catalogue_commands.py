"""`maitred catalogue` against a running service: a file in, every row accounted for."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from maitred.cli import build as command_line
from maitred.clock import SystemClock
from maitred.settings import Settings
from services.inference.app import build
from tests.support.http import served
from tests.support.servers import LiveValkey

Run = Callable[..., Result]
HEADING = "restaurant_id,name,lat,lon,cuisines,price_level,hours,timezone\n"


@pytest.fixture
def http(valkey: LiveValkey, tmp_path: Path) -> Iterator[httpx.Client]:
    settings = Settings(state_dir=tmp_path / "state", redis_url=valkey.url, admin_key="sesame")
    with served(build(settings, SystemClock(), outlet=lambda _key, _value: True)) as client:
        yield client


@pytest.fixture
def run(http: httpx.Client) -> Run:
    def invoke(*words: str, key: str = "sesame") -> Result:
        return CliRunner().invoke(
            command_line(),
            ["catalogue", *words, "--url", str(http.base_url)],
            env={"MAITRED_ADMIN_KEY": key},
        )

    return invoke


def test_a_file_of_json_lines_is_written_in_parts_and_can_be_written_again(
    run: Run, http: httpx.Client, tmp_path: Path
) -> None:
    file = tmp_path / "some.jsonl"
    file.write_text(
        "".join(
            json.dumps({"restaurant_id": f"n/{i}", "name": f"N {i}"}) + "\n" for i in range(1200)
        )
    )

    first, again = run("put", str(file)), run("put", str(file), "--start", "1101")

    assert (first.exit_code, again.exit_code) == (0, 0), first.output
    assert "1,200 created, 0 replaced" in first.output
    assert "0 created, 100 replaced" in again.output
    assert http.get("/v1/restaurants/n/1199").json()["name"] == "N 1199"


def test_rows_at_fault_are_named_and_all_others_are_written(
    run: Run, http: httpx.Client, tmp_path: Path
) -> None:
    file = tmp_path / "some.csv"
    file.write_text(
        HEADING
        + 'a,A,41.8,-87.6,thai|noodles,2,"mon 11:00-23:00|fri 18:00-02:00",America/Chicago\n'
        + "b,B,91,0,,2,,\n"
        + "c,C,,,,cheap,,\n"
        + "a,again,,,,,,\n"
        + "d,D,,,,,sometimes,\n"
        + "e,,,,,,,\n"
    )

    result = run("put", str(file))

    assert result.exit_code == 1
    assert "2 created" in result.output
    for text in ("row 2: lat", "row 3: price_level", "row 4: restaurant_id", "row 5: hours.0"):
        assert text in result.output
    assert "4 of 6 rows" in result.output
    known = http.get("/v1/restaurants/a").json()
    assert known["cuisines"] == ["thai", "noodles"]
    assert known["hours"] == ["mon 11:00-23:00", "fri 18:00-02:00"]
    assert http.get("/v1/restaurants/e").status_code == 200


def test_a_data_set_folder_can_be_written(run: Run, http: httpx.Client, tmp_path: Path) -> None:
    rows = [
        {
            "restaurant_id": "p1",
            "cuisines": ["thai"],
            "price_level": 2,
            "text": "nice",
            "lat": None,
        },
        {"restaurant_id": "p2", "cuisines": [], "price_level": None, "text": None, "lat": None},
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "restaurants.parquet")

    result = run("put", str(tmp_path))

    assert result.exit_code == 0, result.output
    assert http.get("/v1/restaurants/p1").json()["cuisines"] == ["thai"]


def test_restaurants_are_shown_and_taken_away(run: Run, http: httpx.Client) -> None:
    http.put("/v1/restaurants/x/y", json={}, headers={"Authorization": "Bearer sesame"})

    shown = run("show", "x/y")
    gone = run("delete", "x/y")
    unknown = run("show", "x/y")

    assert json.loads(shown.output)["restaurant_id"] == "x/y"
    assert gone.exit_code == 0
    assert (unknown.exit_code, "no restaurant 'x/y'" in unknown.output) == (1, True)


@pytest.mark.parametrize("name", [".", ".."])
def test_dots_are_shown_and_taken_away_like_any_others(
    run: Run, http: httpx.Client, tmp_path: Path, name: str
) -> None:
    file = tmp_path / "dots.jsonl"
    file.write_text(json.dumps({"restaurant_id": name}))

    written, shown, gone = run("put", str(file)), run("show", name), run("delete", name)

    assert (written.exit_code, gone.exit_code) == (0, 0), written.output + gone.output
    assert json.loads(shown.output)["restaurant_id"] == name
    assert http.get(f"/v1/restaurants/{'%2E' * len(name)}").status_code == 404


@pytest.mark.parametrize(
    ("name", "content", "code", "says"),
    [
        ("some.xlsx", "", 2, ".csv, .jsonl, .parquet"),
        ("absent.csv", None, 2, "there is no file"),
        ("bad.jsonl", '{"restaurant_id": "a"}\n{', 1, "row 2"),
        ("bad.jsonl", "[]", 1, "row 1"),
        ("long.csv", "restaurant_id\na,b\n", 1, "row 1"),
        ("odd.jsonl", '{"stars": 3}', 1, "row 1: restaurant_id"),
        ("latin.csv", "restaurant_id,name\na,Caf\xe9\n", 1, "latin.csv is not UTF-8"),
        ("latin.jsonl", '{"restaurant_id": "\xe9"}', 1, "row 1: "),
        ("huge.csv", f"restaurant_id\n{'a' * 200_000}\n", 1, "huge.csv cannot be read as csv"),
        ("odd.parquet", "restaurant_id\na\n", 1, "odd.parquet cannot be read as parquet"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_by_name(
    run: Run, tmp_path: Path, name: str, content: str | None, code: int, says: str
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content, encoding="latin-1")

    result = run("put", str(tmp_path / name))

    assert result.exit_code == code
    assert says in result.output


def test_a_wrong_key_writes_nothing(run: Run, http: httpx.Client, tmp_path: Path) -> None:
    file = tmp_path / "one.jsonl"
    file.write_text('{"restaurant_id": "a"}')

    result = run("put", str(file), key="guess")

    assert result.exit_code == 1
    assert "admin key" in result.output
    assert http.get("/v1/restaurants/a").status_code == 404
