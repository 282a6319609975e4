"""How many requests are let in when there are too many."""

from prometheus_client import CollectorRegistry

from maitred.clock import ManualClock
from maitred.observability import Metrics
from services.inference.admission import Admission


def admission() -> Admission:
    return Admission(ManualClock(), Metrics(CollectorRegistry()))


def test_an_idle_service_admits_everybody() -> None:
    door = admission()

    for _ in range(100):
        door.adjust(0.0005)

    assert door.shed == 0
    assert all(door.admits(0.0) for _ in range(100))


def test_a_lag_above_the_target_sheds_more_and_more_until_it_falls() -> None:
    door = admission()

    shares = []
    for _ in range(30):
        door.adjust(2.5 * door.target_s)
        shares.append(door.shed)
    for _ in range(600):
        door.adjust(0.0)

    assert shares == sorted(shares)
    assert shares[-1] > 0.2
    assert door.shed == 0


def test_a_share_is_shed_evenly() -> None:
    door = admission()
    door.shed = 0.3

    let_in = [door.admits(0.0) for _ in range(1000)]

    assert abs(let_in.count(False) - 300) <= 1
    assert max(len(run) for run in "".join("x" if ok else " " for ok in let_in).split()) <= 4


def test_who_waited_too_long_is_not_admitted_nor_are_those_behind_until_the_next_tick() -> None:
    door = admission()

    late = door.admits(door.max_lag_s * 1.1)
    behind = door.admits(0.0)
    door.adjust(0.0)
    after = door.admits(0.0)

    assert (late, behind, after) == (False, False, True)


def test_somebody_is_always_let_in() -> None:
    door = admission()

    for _ in range(10_000):
        door.adjust(0.8 * door.max_lag_s)

    assert any(door.admits(0.0) for _ in range(100))
