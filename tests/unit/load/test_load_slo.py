"""Limits read from a file, held against a run's figures, and the verdict."""

from pathlib import Path

import pytest

from loadtests.slo import SLO_FILE, Outcome, Slo, read_slo, worst
from maitred.errors import UsageError

GOOD = {
    "requests": 20_000, "p999_ms": 80.0, "failures": 0, "send_lag_p999_ms": 1.0,
    "personalised_share": 0.9995,
}  # fmt: skip
FAULTS = {
    "outside_personalised_share": 0.995, "problems": [],
    "during": {"valkey-stall": {"personalised_share": 0.0}, "swap": {"personalised_share": 0.995}},
}  # fmt: skip


@pytest.fixture
def slo() -> Slo:
    return read_slo(SLO_FILE)


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({}, Outcome.PASSED),
        ({"p999_ms": 100.1}, Outcome.FAILED),
        ({"failures": 1}, Outcome.FAILED),
        ({"p999_ms": None}, Outcome.PASSED),
        ({"personalised_share": 0.998}, Outcome.FAILED),
        ({"personalised_share": None}, Outcome.PASSED),
        ({"send_lag_p999_ms": 5.1, "failures": 3}, Outcome.VOID),
        ({"requests": 0}, Outcome.VOID),
    ],
)
def test_the_verdict_of_the_committed_slo(
    slo: Slo, change: dict[str, object], outcome: Outcome
) -> None:
    assert slo.judge(GOOD | change) is outcome


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({}, Outcome.PASSED),
        ({"outside_personalised_share": 0.98}, Outcome.FAILED),
        ({"during": {"swap": {"personalised_share": 0.98}}}, Outcome.FAILED),
        ({"during": {"kafka-kill": {"personalised_share": 0.98}}}, Outcome.FAILED),
        ({"problems": ["swap: refused"]}, Outcome.VOID),
    ],
)
def test_with_faults_lists_may_step_down_only_inside_the_windows_that_excuse_it(
    slo: Slo, change: dict[str, object], outcome: Outcome
) -> None:
    run = GOOD | {"personalised_share": 0.7, "faults": FAULTS | change}

    assert slo.judge(run) is outcome


@pytest.mark.parametrize(("goodput", "outcome"), [(0.71, Outcome.PASSED), (0.69, Outcome.FAILED)])
def test_over_the_knee_goodput_counts_and_not_the_share(
    slo: Slo, goodput: float, outcome: Outcome
) -> None:
    assert slo.judge(GOOD | {"personalised_share": 0.3, "goodput_of_knee": goodput}) is outcome


@pytest.mark.parametrize(("knee", "outcome"), [(300.0, Outcome.PASSED), (0.0, Outcome.FAILED)])
def test_of_steps_only_the_first_must_hold(slo: Slo, knee: float, outcome: Outcome) -> None:
    steps = GOOD | {"steps": [], "knee_per_s": knee, "failures": 9, "send_lag_p999_ms": 50.0}

    assert slo.judge(steps) is outcome


def test_a_climb_whose_first_step_the_generator_missed_says_nothing(slo: Slo) -> None:
    steps = GOOD | {"steps": [], "knee_per_s": 0.0, "knee_is_bound": True}

    assert slo.judge(steps) is Outcome.VOID


def test_a_limit_that_is_left_out_is_not_judged(tmp_path: Path) -> None:
    path = tmp_path / "slo.toml"
    path.write_text("failures = 0\n", encoding="utf-8")

    assert read_slo(path).judge(GOOD | {"p999_ms": 900.0, "send_lag_p999_ms": 50.0}) == 0


@pytest.mark.parametrize("text", ["p50_ms = 3\n", "[faults]\nmeanwhile = 1\n", "[overload\n"])
def test_an_slo_with_other_limits_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "slo.toml"
    path.write_text(text, encoding="utf-8")

    with pytest.raises(UsageError, match=r"slo\.toml"):
        read_slo(path)


def test_a_failure_is_a_failure_whatever_else_was_void() -> None:
    assert worst([Outcome.PASSED, Outcome.VOID, Outcome.FAILED]) is Outcome.FAILED
    assert worst([Outcome.PASSED, Outcome.VOID]) is Outcome.VOID
    assert worst([Outcome.PASSED]) is Outcome.PASSED
