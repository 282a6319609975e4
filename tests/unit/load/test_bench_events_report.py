"""What the bench of events promises, and what it says of a rate that does not hold."""

from loadtests import flow, freshness
from loadtests.targets import said


def rate(per_s: int, p99_s: float, *, holds: bool) -> dict[str, object]:
    return {
        "per_s": per_s,
        "reached_per_s": float(per_s),
        "probes": 90,
        "p50_s": 0.12,
        "p99_s": p99_s,
        "problems": [],
        "holds": holds,
    }


def test_each_ratio_to_a_bare_loop_is_promised_to_be_a_half() -> None:
    figures = {name: {"ratio": 0.6} for name in flow.ROWS} | {"archive": {"ratio": 0.4}}

    lines = said(flow.targets(figures))

    missed = [line for line in lines if "missed" in line]
    assert missed == ["- archive, of bare: 0.4 (at least 0.5): **missed**"]
    assert len(lines) == 3


def test_freshness_is_promised_at_the_first_rate_and_told_at_the_highest_that_holds() -> None:
    figures = {
        "rates": [rate(200, 0.31, holds=True), rate(400, 1.7, holds=False)],
        "highest_that_holds": 200,
    }

    [line] = said(freshness.targets(figures))

    assert line == "- from accepted to changed scores at 200/s, p99: 0.31 s (at most 1 s): **held**"
    assert "keeps up: 200/s." in freshness.table(figures)


def test_no_rate_that_holds_is_said_so() -> None:
    figures = {"rates": [rate(200, 5.0, holds=False)], "highest_that_holds": None}

    assert "keeps up: none." in freshness.table(figures)
