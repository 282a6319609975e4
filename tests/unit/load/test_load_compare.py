"""Ratios of rounds that were made in turns."""

import pytest

from loadtests.compare import ratios


def rounds(*p99_ms: float, void: float = 0.0) -> list[dict[str, float]]:
    return [{"p99_ms": value, "server_cpu_ms": 1.0, "void": void} for value in p99_ms]


def test_ratios_are_of_each_round_and_say_how_far_they_spread() -> None:
    found = ratios(rounds(2.0, 4.0, 5.0), rounds(3.0, 4.0, 4.0))

    assert found["p99_ms"] == pytest.approx([0.8, 1.0, 1.5])


def test_void_rounds_say_nothing_of_latency_and_still_what_the_server_used() -> None:
    base, other = [*rounds(2.0), *rounds(2.0, void=1.0)], rounds(3.0, 40.0)
    other[1]["server_cpu_ms"] = 3.0

    found = ratios(base, other)

    assert found["p99_ms"] == [1.5, 1.5, 1.5]
    assert found["server_cpu_ms"] == [1.0, 2.0, 3.0]


def test_a_figure_that_no_pair_has_has_no_ratio() -> None:
    assert "p99_ms" not in ratios(rounds(2.0, void=1.0), rounds(3.0))
    assert "p50_ms" not in ratios(rounds(2.0), rounds(3.0))
