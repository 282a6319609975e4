"""What the bench of serving says of its targets."""

from typing import Any

import pytest

from loadtests.serve_report import targets
from loadtests.targets import said


def figures(**open_loop: float) -> dict[str, Any]:
    run = {
        "p50_ms": 1.0, "p99_ms": 2.0, "p999_ms": 3.0, "failures": 0, "personalised": 1.0,
        "sound_rounds": 5,
    }  # fmt: skip
    return {
        "throughput_ratio": 0.6,
        "open_loop": {rate: {"ours": run | open_loop} for rate in ("300", "1000", "1800")},
        "closed_rounds": {"ours": [{"personalised": 0.79}] * 5},
    }


def test_a_good_run_holds_every_target() -> None:
    assert all(line.endswith("**held**") for line in said(targets(figures())))


def test_a_latency_of_void_rounds_is_not_measured() -> None:
    verdicts = [line.rpartition(" ")[2] for line in said(targets(figures(sound_rounds=0)))]

    assert verdicts.count("measured**") == 3


@pytest.mark.parametrize("worse", [{"failures": 1}, {"personalised": 0.9}])
def test_failures_and_lists_for_nobody_miss_a_target(worse: dict[str, float]) -> None:
    assert any(line.endswith("**missed**") for line in said(targets(figures(**worse))))


def test_speed_from_cheaper_lists_is_no_speed() -> None:
    degraded = figures() | {"closed_rounds": {"ours": [{"personalised": 0.4}] * 5}}

    assert any(line.endswith("**missed**") for line in said(targets(degraded)))
