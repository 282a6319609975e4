"""Abandonment curves say what their sources said, and nothing more."""

import pytest

from maitred.errors import UsageError
from services.simulator.abandonment import CURVES, curve_of, latency_cost


def test_booking_loses_half_a_percent_for_each_thirty_percent() -> None:
    curve = CURVES["booking"]

    for page_ms in (200.0, 500.0, 2000.0):
        assert curve.staying(1.3 * page_ms) / curve.staying(page_ms) == pytest.approx(0.995)


def test_google_has_half_of_them_gone_after_three_seconds() -> None:
    assert CURVES["google"].staying(3000.0) == pytest.approx(0.5)
    assert CURVES["google"].staying(0.0) == 1.0


@pytest.mark.parametrize("name", CURVES)
def test_nobody_comes_back_because_a_page_got_slower(name: str) -> None:
    shares = [CURVES[name].staying(ms) for ms in range(0, 10_000, 100)]

    assert shares == sorted(shares, reverse=True)
    assert all(0.0 <= share <= 1.0 for share in shares)


@pytest.mark.parametrize("name", ["booking", "google"])
def test_a_vendors_figure_is_marked_as_one(name: str) -> None:
    assert CURVES[name].source.startswith("vendor figure")


def test_points_of_ones_own_are_joined_by_straight_lines() -> None:
    curve = curve_of("0:1,1000:0.9,3000:0.5")

    assert curve.staying(500.0) == pytest.approx(0.95)
    assert curve.staying(2000.0) == pytest.approx(0.7)
    assert curve.staying(9000.0) == pytest.approx(0.5)


@pytest.mark.parametrize("text", ["amazon", "0:0.5,100:0.9", "0:1.5", "0;1", ""])
def test_what_is_no_curve_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        curve_of(text)


def test_the_cost_of_slowness_is_a_share_of_orders_and_money() -> None:
    cost = latency_cost(curve_of("0:1,1000:0.5"), 200.0, page_ms=400.0, orders=100, revenue=5000)

    assert cost.lost_conversion == pytest.approx(0.125)
    assert cost.lost_orders == pytest.approx(12.5)
    assert cost.lost_revenue == pytest.approx(625)
