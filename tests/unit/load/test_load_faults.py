"""When faults are struck, and that they are undone whatever happens."""

import threading
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from loadtests.faults import Injector, Wait, injected, needed_s, plan
from maitred.clock import SystemClock
from maitred.errors import Refused


@dataclass
class Noted:
    """A fault that only notes what is done to it."""

    kind: str = "noted"
    lasts_s: float = 10.0
    every_s: float | None = None
    refusal: str | None = None
    struck: threading.Event = field(default_factory=threading.Event)
    undone: int = 0

    def ready(self) -> None:
        """Can always be done."""

    def strike(self, wait: Wait) -> str:
        self.struck.set()
        if self.refusal:
            raise Refused(self.refusal)
        wait(self.lasts_s)
        return "noted"

    def undo(self) -> None:
        self.undone += 1


STALL, KILL = Noted("stall", 10.0), Noted("kill", 8.0)
SWAP = Noted("swap", 2.0, every_s=10.0)


def test_single_faults_come_one_after_another_with_calm_between() -> None:
    strikes = plan([STALL, KILL], 60.0)

    kinds = [strike.kind for strike in strikes]
    gaps = [later.at_s - sooner.at_s for sooner, later in pairwise(strikes)]
    assert kinds == ["stall", "kill", "stall", "kill"]
    assert gaps == [15.0, 13.0, 15.0]
    assert strikes[-1].at_s + KILL.lasts_s < 60.0


def test_swaps_come_every_ten_seconds_beside_them() -> None:
    strikes = plan([STALL, SWAP], 35.0)

    assert [s.at_s for s in strikes if s.kind == "swap"] == [3.0, 13.0, 23.0, 33.0]
    assert [s.kind for s in strikes] == ["swap", "stall", "swap", "stall", "swap", "swap"]


@pytest.mark.parametrize("faults", [[STALL], [STALL, KILL], [SWAP], [STALL, KILL, SWAP]])
def test_a_run_as_long_as_needed_strikes_each_fault(faults: list[Noted]) -> None:
    strikes = plan(faults, needed_s(faults))

    assert {strike.kind for strike in strikes} == {fault.kind for fault in faults}
    assert [s.kind for s in strikes].count("swap") >= 2 * (SWAP in faults)


def test_a_run_that_ends_early_ends_its_fault_and_undoes_it() -> None:
    fault = Noted("soon", 30.0, every_s=40.0)

    with injected([fault], SystemClock(), seconds=60.0) as injector:
        assert fault.struck.wait(10.0)
        began = SystemClock().monotonic()

    assert SystemClock().monotonic() - began < 5.0
    assert fault.undone == 1
    (window,) = injector.windows
    assert window.kind == "soon"
    assert window.ended_at >= window.began_at


def test_faults_are_undone_when_the_load_itself_fails() -> None:
    fault = Noted("soon", 30.0, every_s=40.0)

    def load() -> None:
        with injected([fault], SystemClock(), seconds=60.0):
            msg = "the load failed"
            raise RuntimeError(msg)

    with pytest.raises(RuntimeError, match="the load failed"):
        load()

    assert fault.undone == 1


def test_a_fault_that_is_refused_is_a_problem_of_the_run() -> None:
    fault = Noted("soon", 1.0, every_s=2.0, refusal="no second model")
    injector = Injector([fault], SystemClock(), seconds=2.1)

    injector.run()

    assert injector.problems == ["soon: no second model"]


def test_a_fault_whose_time_never_came_is_a_problem_of_the_run() -> None:
    late = Noted("late", 1.0)

    with injected([late], SystemClock(), seconds=60.0) as injector:
        pass

    assert injector.windows == []
    assert injector.problems == ["late: the run was over before it was struck"]
    assert late.undone == 1
