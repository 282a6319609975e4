"""Time and randomness are arguments."""

import pytest

from maitred.clock import ManualClock, SystemClock
from maitred.seeds import generator, seed_of


def test_a_manual_clock_moves_both_its_times_together() -> None:
    clock = ManualClock()
    start = clock.now()

    clock.sleep(1.5)

    assert clock.monotonic() == 1.5
    assert (clock.now() - start).total_seconds() == 1.5


async def test_waiting_on_a_manual_clock_takes_no_time() -> None:
    clock, real = ManualClock(), SystemClock()
    started = real.monotonic()

    await clock.wait(3600)

    assert clock.monotonic() == 3600
    assert real.monotonic() - started < 1


def test_a_clock_cannot_go_back() -> None:
    with pytest.raises(ValueError, match="go back"):
        ManualClock().advance(-1)


def test_the_system_clock_is_aware_and_in_utc() -> None:
    offset = SystemClock().now().utcoffset()

    assert offset is not None
    assert offset.total_seconds() == 0


def test_streams_with_other_names_are_independent_and_repeatable() -> None:
    first, again, other = (generator(7, name).random() for name in ("a", "a", "b"))

    assert first == again
    assert first != other


def test_names_are_not_run_together() -> None:
    assert seed_of(7, "ab", "c") != seed_of(7, "a", "bc")
