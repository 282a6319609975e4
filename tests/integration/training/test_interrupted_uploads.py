"""A service that goes away in the middle of a file: no row is lost, and none has to be guessed."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from typer.testing import CliRunner

from maitred.cli import build as command_line
from maitred.clock import ManualClock
from maitred.errors import Unauthorised, Unavailable
from tests.support.http import served
from training.bulk.rows import Row
from training.bulk.upload import TRIES, Door, Fault, Written

ROWS: list[Row] = [(n, {"restaurant_id": f"r{n}"}) for n in range(1, 2101)]
AWAY = JSONResponse({}, status_code=503)
UNKNOWN_KEY = JSONResponse({"detail": "the admin key is another"}, status_code=401)
FIRST_AT_FAULT = JSONResponse(
    {"errors": [{"field": "restaurants.0.price_level", "reason": "is no number"}]}, status_code=422
)


@contextmanager
def service(*refusals: tuple[str, float, list[JSONResponse]]) -> Iterator[str]:
    """Takes every part but those with these first restaurants, whose answers come this late.

    The last of a part's answers holds for all later calls that begin with the same restaurant.
    """
    app, left = FastAPI(), {name: (wait_s, list(replies)) for name, wait_s, replies in refusals}

    @app.post("/v1/restaurants")
    async def write(request: Request) -> JSONResponse:
        rows = (await request.json())["restaurants"]
        wait_s, replies = left.get(rows[0]["restaurant_id"], (0.0, []))
        await asyncio.sleep(wait_s)
        if replies:
            return replies.pop(0) if len(replies) > 1 else replies[0]
        return JSONResponse({"created": len(rows), "replaced": 0})

    with served(app) as http:
        yield str(http.base_url)


def written(url: str, *, calls: int, clock: ManualClock | None = None) -> Written:
    with Door(url, "sesame", clock or ManualClock()) as door:
        return door.put(ROWS, calls=calls)


def test_of_several_parts_not_written_the_first_row_is_where_to_go_on() -> None:
    with service(("r1", 0.05, [AWAY]), ("r501", 0.0, [AWAY])) as url:
        done = written(url, calls=2)

    assert done.stop is not None
    assert done.stop.row == 1
    assert isinstance(done.stop.error, Unavailable)
    assert done.stop.error.next_step == "run the same again with --start 1"


def test_parts_that_were_under_way_are_counted_and_none_is_begun_after_a_stop() -> None:
    with service(("r1", 0.5, []), ("r501", 0.0, [AWAY]), ("r1001", 0.5, [])) as url:
        done = written(url, calls=3)

    assert done.stop is not None
    assert done.stop.row == 501
    assert done.created == 1000  # rows 1 to 500 and 1001 to 1500; those after them were not sent


def test_rows_found_at_fault_before_the_stop_are_kept() -> None:
    with service(("r1", 0.0, [FIRST_AT_FAULT]), ("r2", 0.0, [AWAY])) as url:
        done = written(url, calls=1)

    assert done.faults == [Fault(1, "price_level", "is no number")]
    assert done.stop is not None
    assert done.stop.row == 2


def test_the_refusal_of_the_first_part_is_the_one_that_is_told() -> None:
    with service(("r1", 0.05, [UNKNOWN_KEY]), ("r501", 0.0, [AWAY])) as url:
        done = written(url, calls=2)

    assert done.stop is not None
    assert isinstance(done.stop.error, Unauthorised)


def test_after_the_last_try_nothing_is_waited_for() -> None:
    clock = ManualClock()

    with service(("r1", 0.0, [AWAY])) as url:
        written(url, calls=1, clock=clock)

    assert round(clock.elapsed, 6) == 0.2 * (2 ** (TRIES - 1) - 1)


def test_the_command_prints_what_it_found_before_it_says_why_it_stopped(tmp_path: Path) -> None:
    file = tmp_path / "some.csv"
    file.write_text("restaurant_id\nr1\nr2\n")

    with service(("r1", 0.0, [FIRST_AT_FAULT]), ("r2", 0.0, [UNKNOWN_KEY])) as url:
        ran = CliRunner().invoke(
            command_line(),
            ["catalogue", "put", str(file), "--url", url],
            env={"MAITRED_ADMIN_KEY": "guess"},
        )

    assert ran.exit_code == 1
    assert "row 1: price_level: is no number" in ran.output
    assert "the admin key is another" in ran.output
