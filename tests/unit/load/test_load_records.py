"""What is read from a run: shares, parts, seconds, fault windows and the knee."""

from pathlib import Path

import pytest

from loadtests.knee import Step, climb, described, knee_of
from loadtests.record import Record, concatenated
from loadtests.schedule import Schedule
from loadtests.timeline import timeline
from loadtests.windows import FaultWindow, outside, shares
from tests.support.records import record_of

POPULAR = {"rung": "popular", "degraded": "store"}


def test_the_personalised_share_is_of_known_diners_and_failures_do_not_count() -> None:
    record = record_of([{}, {}, POPULAR, {"failure": "late"}, {"known": False, "rung": "segment"}])

    assert record.personalised_share == 2 / 4
    assert record.summary()["personalised_share"] == 0.5
    assert record.summary()["strangers_degraded"] == 0
    assert record.summary()["degraded"] == {"store": 1}


def test_of_nobody_known_there_is_no_share() -> None:
    assert record_of([{"known": False}]).personalised_share is None


def test_a_run_survives_being_written_and_read(tmp_path: Path) -> None:
    record = record_of([{}, POPULAR, {"failure": "late", "ms": 120.0}])
    path = tmp_path / "raw.npz"

    record.save(path)

    assert Record.load(path).summary() == record.summary()
    assert Record.load(path).started_at == 1000.0


def test_runs_in_a_row_become_one_with_moments_from_the_first() -> None:
    one = record_of([{}, {"failure": "late"}], started_at=1000.0)
    other = record_of([{"failure": "status"}, POPULAR], started_at=1010.0)

    whole = concatenated([one, other])

    assert whole.due_s.tolist() == [0.0, 1.0, 10.0, 11.0]
    assert whole.failures == {"late": 1, "status": 1}
    assert whole.shortages == {"store": 1}


STALL = FaultWindow("valkey-stall", 1002.0, 1005.0)
SWAP = FaultWindow("swap", 1006.0, 1008.0)


def test_what_is_due_in_a_fault_or_within_two_seconds_after_it_is_not_outside() -> None:
    record = record_of([{"due": at} for at in (1.9, 2.0, 4.9, 5.0, 6.9, 7.0, 9.0)])

    assert outside(record, [STALL]).due_s.tolist() == [1.9, 7.0, 9.0]


def test_a_fault_is_not_blamed_for_what_another_one_broke() -> None:
    rows = [{"due": float(at), **(POPULAR if 2 <= at < 7 else {})} for at in range(12)]

    found = shares(record_of(rows), [STALL, SWAP])

    assert found["outside_personalised_share"] == 1.0
    during = found["during"]
    assert isinstance(during, dict)
    assert during["valkey-stall"]["personalised_share"] == 0.0
    # The swap began while the stall's two seconds were not over: only second 7 is its own.
    assert during["swap"] == {
        "windows": 1, "requests": 1, "personalised_share": 1.0, "failures": 0,
    }  # fmt: skip


def test_seconds_add_up_to_the_run_by_rung_and_failures_are_a_band_of_their_own() -> None:
    record = record_of(
        [
            {"due": 0.1, "ms": 1.0},
            {"due": 0.2, "ms": 9.0, "failure": "late"},
            {"due": 1.5, **POPULAR, "resent": True},
            {"due": 3.5, "lag": 7.0},
        ]
    )

    every_s, moments = timeline(record)

    assert every_s == 1.0
    assert [m.at_s for m in moments] == [0.0, 1.0, 3.0]
    assert moments[0].bands == {
        "personalised": 1, "segment": 0, "popular": 0, "static": 0, "failed": 1,
    }  # fmt: skip
    assert (moments[0].p50_ms, moments[0].p99_ms, moments[0].max_ms) == (1.0, 9.0, 9.0)
    assert moments[1].resent == 1
    assert moments[2].lag_max_ms == 7.0
    assert sum(sum(m.bands.values()) for m in moments) == 4


def test_a_long_run_is_drawn_in_longer_moments() -> None:
    every_s, moments = timeline(record_of([{"due": float(at)} for at in range(1000)]))

    assert every_s > 1.0
    assert len(moments) <= 250


GOOD = record_of([{}] * 200)
STEPPED_DOWN = record_of([{}] * 190 + [POPULAR] * 10)
LATE = record_of([{}] * 199 + [{"failure": "late", "ms": 130.0}])
VOID = record_of([{"lag": 9.0}] * 200)


@pytest.mark.parametrize(
    ("record", "word"),
    [(GOOD, None), (STEPPED_DOWN, "95.0%"), (LATE, "1 late"), (VOID, "generator was late")],
)
def test_a_step_says_why_it_does_not_hold(record: Record, word: str | None) -> None:
    fault = Step(100.0, record).fault

    assert fault is None if word is None else word in str(fault)


async def test_the_climb_ends_with_the_step_that_fails_twice() -> None:
    tried: list[float] = []
    answers = {100.0: [GOOD], 125.0: [LATE, GOOD], 150.0: [STEPPED_DOWN, LATE], 200.0: [GOOD]}

    async def run(schedule: Schedule, _number: int) -> Record:
        tried.append(schedule.peak_per_s)
        return answers[schedule.peak_per_s].pop(0)

    steps = await climb([100.0, 125.0, 150.0, 200.0], 8.0, run)

    assert tried == [100.0, 125.0, 125.0, 150.0, 150.0]
    knee = knee_of(steps)
    assert knee is not None
    assert knee.rate_per_s == 125.0
    assert described(steps)["knee_per_s"] == 125.0
    assert described(steps)["knee_is_bound"] is False


def test_a_knee_that_the_generator_could_not_reach_is_only_a_bound() -> None:
    assert described([Step(100.0, GOOD), Step(125.0, VOID)])["knee_is_bound"] is True
    assert described([Step(100.0, GOOD)])["knee_is_bound"] is True
    assert described([Step(100.0, LATE)])["knee_per_s"] == 0.0
