"""How the supervisor plans restarts: soon, then later, then never."""

from services.local.supervisor import Ward


def _die(ward: Ward, *, after_s: float, now: float) -> float:
    ward.note_start(now)
    ward.note_end(now + after_s)
    return (ward.due_at or 0.0) - (now + after_s)


def test_each_short_life_makes_the_next_start_wait_longer(ward: Ward) -> None:
    delays = [_die(ward, after_s=1.0, now=100.0 * n) for n in range(5)]

    assert delays == sorted(delays)
    assert delays[0] < 0.5
    assert delays[-1] > 1.0


def test_a_long_life_makes_the_next_start_prompt_again(ward: Ward) -> None:
    for n in range(5):
        _die(ward, after_s=1.0, now=100.0 * n)

    assert _die(ward, after_s=60.0, now=1000.0) < 0.5


def test_after_many_short_lives_in_a_row_it_is_given_up(ward: Ward) -> None:
    for n in range(9):
        _die(ward, after_s=1.0, now=100.0 * n)
    before = ward.given_up

    _die(ward, after_s=1.0, now=1000.0)

    assert (before, ward.given_up) == (False, True)
