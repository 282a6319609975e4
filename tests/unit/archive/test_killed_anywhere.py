"""Killed between any two lines of the archive's code: flush, merge and erasure happen once, whole."""

import gc
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from maitred import archive
from maitred.archive.ledger import STAGING
from maitred.archive.scan import pieces
from maitred.clock import ManualClock
from maitred.ids import tombstone
from tests.support.archives import KEY, arrivals, erase, order, wire, writing
from tests.support.crashes import Killed, dying_at

LATER = "2026-05-01T21:00:00+00:00"
LOG: list[list[dict[str, Any]]] = [
    [wire("click", "a"), wire("click", "b", user_id="u2")],
    [wire("click", "c"), order("d"), wire("click", "b", user_id="u2")],
    [wire("click", "e", user_id="u3"), erase("x"), wire("click", "late"), wire("click", "n", occurred_at=LATER)],
    [erase("x"), wire("click", "a"), erase("y", user_id="u3"), wire("click", "f", user_id="u2")],
]  # fmt: skip
STEPS = tuple(
    f"maitred/archive/{name}.py" for name in ("writer", "shelf", "ledger", "tombs", "purge")
)
"""Where the steps are; what comes between them only computes."""
STRIDE = 61

# who was killed closes nothing
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")


def deliver(folder: Path, clock: ManualClock) -> None:
    """What the archiver does after each start: a batch a flush, two flushes a day, a merge when due."""
    first = [sum(map(len, LOG[:number])) for number in range(len(LOG) + 1)]
    with writing(folder, clock) as writer:
        for number in range(first.index(writer.resume_at().get(0, 0)), len(LOG)):
            clock.at = ManualClock().at + timedelta(days=number // 2)
            writer.flush(writer.sort(arrivals(LOG[number], first[number])), {0: first[number + 1]})
            writer.merge_small_files()
        clock.at = ManualClock().at + timedelta(days=2)
        while writer.merge_small_files():
            pass


def state(folder: Path) -> dict[str, Any]:
    found = archive.census(folder)
    return {
        "rows": sorted(archive.table(folder, traffic=None)["event_id"].to_pylist()),
        "lie there": sorted(_event_ids(folder)),
        "staging": list((folder / STAGING).iterdir()),
        "left out": found.left_out,
        "repeated": found.repeated,
        "erased": [(e.tombstone, e.rows, e.offset) for e in archive.erasures(folder)],
        "ids": archive.erased_among(folder, "abcdefnxy", KEY) | archive.erased_among(folder, ["late"], KEY),
    }  # fmt: skip


def _event_ids(folder: Path) -> list[str]:
    """What stands in files, whether they count or not."""
    return [
        name
        for file in folder.rglob("part-*")
        for piece in pieces(file, ["event_id"])
        for name in piece["event_id"].to_pylist()
    ]


SOUND = {
    "rows": ["b", "f", "n"],
    "lie there": ["b", "f", "n"],
    "staging": [],
    "left out": {"duplicates": 3, "conflicts": 0, "undecodable": 0, "erased": 7},
    "repeated": 0,
    "erased": [(tombstone("u1", KEY), 3, 6), (tombstone("u3", KEY), 1, 11)],
    "ids": {"a", "c", "d", "e", "x", "y", "late"},
}


def test_nothing_is_lost_doubled_or_left_of_an_erased_diner_wherever_it_dies(
    tmp_path: Path,
) -> None:
    with dying_at(*STEPS) as lines:
        deliver(tmp_path / "whole", ManualClock())
    assert state(tmp_path / "whole") == SOUND

    deaths = 0
    for line in range(1, lines.count, STRIDE):
        folder, clock = tmp_path / str(line), ManualClock()
        with suppress(Killed), dying_at(*STEPS, line=line):
            deliver(folder, clock)
        deaths += 1
        deliver(folder, clock)
        assert state(folder) == SOUND, f"killed at line {line}"
    gc.collect()
    assert deaths > 30


@pytest.mark.parametrize("line", [400, 700])
def test_it_may_die_again_while_it_recovers(tmp_path: Path, line: int) -> None:
    clock = ManualClock()
    for number in (line, 60, 90, 120):
        with suppress(Killed), dying_at(*STEPS, line=number):
            deliver(tmp_path, clock)

    deliver(tmp_path, clock)
    gc.collect()

    assert state(tmp_path) == SOUND
