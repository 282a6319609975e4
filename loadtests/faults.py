"""Things broken on purpose while load goes on, on the stack of this machine, and always undone.

Signals go only to processes that the stack's status names as its own; a server that settings name
is somebody else's and is left alone. Each fault is struck, waited out and undone in one call.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Protocol

import psutil  # type: ignore[import-untyped]

from loadtests.stack import Service, Stack
from loadtests.windows import SETTLE_S, FaultWindow
from maitred.clock import Clock
from maitred.errors import MaitredError, Refused
from services.local.folder import StackFolder
from services.local.status import read_status

__all__ = [
    "Fault",
    "Injector",
    "KafkaKill",
    "Strike",
    "ValkeyStall",
    "injected",
    "needed_s",
    "plan",
]

STALL_S = 10.0
_FIRST_REPEATED_S, _FIRST_S = 3.0, 5.0
"""Seconds from when a generator is started; it needs one or two of them to begin."""
_CALM_S = 5.0
_BACK_WITHIN_S = 60.0
_LOOK_S = 0.2

Wait = Callable[[float], bool]
"""Waits so many seconds; True when the run is over and the fault must end now."""


class Fault(Protocol):
    """One way to break something."""

    kind: str
    lasts_s: float
    """About how long a strike takes until the system is whole again."""
    every_s: float | None
    """Struck again and again at this distance; None: once, and again only in a long run."""

    def ready(self) -> None:
        """Check that it can be done here, before any load.

        Raises:
            MaitredError: if not, with what is missing.
        """

    def strike(self, wait: Wait) -> str:
        """Break, wait until it is whole again or the run is over; return what was seen."""

    def undo(self) -> None:
        """Leave everything as it was found; called once, whatever happened."""


def own_service(stack: Stack, name: str) -> Service:
    """Return a service of the stack that runs now and belongs to it.

    Raises:
        Refused: if it does not run, or is somebody else's.
    """
    now = Stack.of(read_status(StackFolder.at(stack.state_dir)))
    service = now.services.get(name)
    if service is None or not service.pids or service.external:
        msg = f"no {name} of the stack at {stack.state_dir} runs on this machine"
        raise Refused(msg, next_step="faults need the embedded one: maitred up without its address")
    return service


def _processes(service: Service) -> list[psutil.Process]:
    """Return handles that notice when a pid has become another process."""
    return [psutil.Process(pid) for pid in service.pids if psutil.pid_exists(pid)]


@dataclass(slots=True)
class ValkeyStall:
    """Valkey stands still (SIGSTOP), its connections open: the worst way for a store to be away."""

    stack: Stack
    lasts_s: float = STALL_S
    kind: str = "valkey-stall"
    every_s: float | None = None

    def ready(self) -> None:
        """Check that the stack runs a Valkey of its own."""
        own_service(self.stack, "valkey")

    def strike(self, wait: Wait) -> str:
        """Stop it, wait, let it go on."""
        stopped = _processes(own_service(self.stack, "valkey"))
        try:
            for process in stopped:
                process.suspend()
            was_cut = wait(self.lasts_s)
        finally:
            for process in stopped:
                with suppress(psutil.NoSuchProcess):
                    process.resume()
        return "SIGSTOP, cut short" if was_cut else f"SIGSTOP for {self.lasts_s:g} s, then SIGCONT"

    def undo(self) -> None:
        """Nothing is left to undo: `strike` lets it go on whatever happens."""


@dataclass(slots=True)
class KafkaKill:
    """Kafka is killed (SIGKILL); the stack's supervisor starts it again."""

    stack: Stack
    clock: Clock
    lasts_s: float = 8.0
    kind: str = "kafka-kill"
    every_s: float | None = None

    def ready(self) -> None:
        """Check that the stack runs a Kafka of its own."""
        own_service(self.stack, "kafka")

    def strike(self, wait: Wait) -> str:
        """Kill it and wait until it answers again."""
        began = self.clock.monotonic()
        for process in _processes(own_service(self.stack, "kafka")):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        took_s = self._await_back(wait, began)
        return (
            "SIGKILL, cut short"
            if took_s is None
            else f"SIGKILL, {took_s:.1f} s until it answered again"
        )

    def undo(self) -> None:
        """Wait until the supervisor has it running again."""
        self._await_back(self._rest, self.clock.monotonic())

    def _rest(self, seconds: float) -> bool:
        self.clock.sleep(seconds)
        return False

    def _await_back(self, wait: Wait, began: float) -> float | None:
        """Return when it answered, in seconds from ``began``; None if the run was over before."""
        entry = None
        while (took_s := self.clock.monotonic() - began) < _BACK_WITHIN_S:
            record = StackFolder.at(self.stack.state_dir).read()
            entry = record.services.get("kafka") if record else None
            if entry is not None and entry.probe() is None:
                return took_s
            if wait(_LOOK_S):
                return None
        msg = f"Kafka did not come back within {_BACK_WITHIN_S:g} s"
        raise Refused(msg, next_step=f"see {entry.log if entry else 'maitred status'}")


@dataclass(frozen=True, slots=True, order=True)
class Strike:
    """When which fault is struck, in seconds from the start of the load."""

    at_s: float
    kind: str


def plan(faults: Sequence[Fault], seconds: float) -> list[Strike]:
    """Return the strikes of a run: single faults one after another with calm between, as often as fit.

    Repeated ones (a swap every 10 s) come at their distance; one that falls due while another
    fault lasts is struck 2 s after it. Nothing begins that would not be over in time.
    """
    strikes = []
    singles = [fault for fault in faults if fault.every_s is None]
    at_s, turn = _FIRST_S, 0
    while singles and at_s + singles[turn % len(singles)].lasts_s < seconds:
        fault = singles[turn % len(singles)]
        strikes.append(Strike(at_s, fault.kind))
        at_s, turn = at_s + fault.lasts_s + _CALM_S, turn + 1
    for fault in faults:
        if fault.every_s is not None:
            count = int(max(seconds - fault.lasts_s - _FIRST_REPEATED_S, 0.0) // fault.every_s) + 1
            strikes += [
                Strike(_FIRST_REPEATED_S + n * fault.every_s, fault.kind) for n in range(count)
            ]
    return sorted(strikes)


def needed_s(faults: Sequence[Fault]) -> float:
    """Return how long a run must be for each fault to be struck and got over, repeated ones twice."""
    singles = [fault.lasts_s + _CALM_S for fault in faults if fault.every_s is None]
    repeated = [
        _FIRST_REPEATED_S + f.every_s + f.lasts_s + 1.0 for f in faults if f.every_s is not None
    ]
    return max([_FIRST_S + sum(singles) + 1.0, *repeated])


@dataclass(slots=True)
class Injector:
    """Strikes faults from a thread of its own while something else goes on."""

    faults: Sequence[Fault]
    clock: Clock
    seconds: float
    windows: list[FaultWindow] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """Faults that did not happen as planned: a run with any is no evidence."""
    over: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Strike until the plan or the run is over."""
        by_kind = {fault.kind: fault for fault in self.faults}
        started = self.clock.monotonic()
        free_s = 0.0
        for strike in plan(self.faults, self.seconds):
            at_s = max(strike.at_s, free_s)
            if self.over.wait(max(at_s - (self.clock.monotonic() - started), 0.0)):
                return
            self._strike(by_kind[strike.kind])
            free_s = self.clock.monotonic() - started + SETTLE_S

    def account(self) -> None:
        """Name the kinds that were asked for and never struck: the run says nothing of them."""
        struck = {window.kind for window in self.windows}
        missing = [fault.kind for fault in self.faults if fault.kind not in struck]
        self.problems += [f"{kind}: the run was over before it was struck" for kind in missing]

    def _strike(self, fault: Fault) -> None:
        began_at = self.clock.now().timestamp()
        note = "did not end as it should"
        problem: str | None = note  # of whatever else may be raised
        try:
            note, problem = fault.strike(self.over.wait), None
        except (MaitredError, psutil.Error) as error:
            problem = str(error)
        finally:
            ended_at = self.clock.now().timestamp()
            self.windows.append(FaultWindow(fault.kind, began_at, ended_at, note))
            self.problems += [f"{fault.kind}: {problem}"] if problem else []


@contextmanager
def injected(faults: Sequence[Fault], clock: Clock, *, seconds: float) -> Iterator[Injector]:
    """Strike faults while the block runs; whatever happens, they are undone before it returns."""
    injector = Injector(faults, clock, seconds)
    thread = threading.Thread(target=injector.run, name="faults")
    with ExitStack() as undone:
        for fault in faults:
            undone.callback(fault.undo)
        thread.start()
        try:
            yield injector
        finally:
            injector.over.set()
            thread.join()
            injector.account()
