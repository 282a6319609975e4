"""When what ended by itself is started again."""

from hypothesis import given
from hypothesis import strategies as st

from services.web.restarts import Restarts


def test_short_lives_in_a_row_are_started_later_each_time_up_to_ten_seconds() -> None:
    restarts = Restarts()

    delays = [restarts.delay_s(0.5) for _ in range(9)]

    assert delays == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]


def test_a_long_life_is_followed_at_once_and_forgives_the_short_ones() -> None:
    restarts = Restarts()
    for _ in range(5):
        restarts.delay_s(0.5)

    after_long, after_short = restarts.delay_s(10.0), restarts.delay_s(0.5)

    assert (after_long, after_short) == (0.0, 0.1)


@given(st.lists(st.floats(0, 9.9), min_size=1, max_size=2000))
def test_nothing_is_ever_given_up_and_no_delay_is_over_its_limit(lives: list[float]) -> None:
    restarts = Restarts()

    delays = [restarts.delay_s(lived) for lived in lives]

    assert delays == sorted(delays)
    assert max(delays) <= 10.0
