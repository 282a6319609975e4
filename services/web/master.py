"""Keeps a program's workers and companions running, and changes them without a gap.

It serves nobody itself: the listening socket is open here so that whoever connects while workers
change waits in the kernel's queue instead of being refused.
"""

import logging
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from prometheus_client.multiprocess import mark_process_dead

from maitred.clock import Clock
from maitred.errors import Refused
from services.web.child import Child, Recipe
from services.web.folder import MasterRecord, ProgramFolder, Worker
from services.web.post import Post
from services.web.roll import Roll
from services.web.signals import Signals

__all__ = ["Master"]

_log = logging.getLogger(__name__)

_BUSY_LOOK_S: Final = 0.02
_IDLE_LOOK_S: Final = 0.5
_LESS_PATIENCE_S: Final = 1.0
_ENDINGS: Final = (signal.SIGTERM, signal.SIGINT)


@dataclass(slots=True)
class Master:
    """One program from start to stop; ``companions`` first, ``workers`` after them.

    SIGTERM and Ctrl-C end it in good order, a second one within a second. SIGHUP restarts
    everything, one process at a time; when the terminal that it was started from is gone, SIGHUP
    is what the kernel says about that, and ends it.
    """

    program: str
    folder: ProgramFolder
    clock: Clock
    workers: Sequence[Recipe]
    companions: Sequence[Recipe] = ()
    phase: str = "starting"
    _signals: Signals = field(init=False)
    _workers: list[Post] = field(init=False)
    _companions: list[Post] = field(init=False)
    _lifeline: int = -1
    _roll: Roll | None = None
    _is_roll_due: bool = False
    _rolls: int = 0
    _failures: int = 0
    _reason: str | None = None
    _written: MasterRecord | None = None

    def __post_init__(self) -> None:
        self._signals = Signals((*_ENDINGS, signal.SIGHUP))
        self._workers = [self._post(recipe) for recipe in self.workers]
        self._companions = [self._post(recipe) for recipe in self.companions]

    def run(self) -> None:
        """Run until told to end; nothing is left running then.

        Raises:
            Refused: a worker could not start, when no worker had ever started; says why.
        """
        self._lifeline, ours = os.pipe()  # ends with this process, however it ends
        try:
            with self._signals.watched():
                try:
                    self._serve()
                finally:
                    self._stop()
        finally:
            os.close(self._lifeline)
            os.close(ours)

    def _serve(self) -> None:
        had_terminal = _has_terminal()
        while True:
            self._look()
            while (number := self._signals.next()) is not None:
                if number in _ENDINGS or (had_terminal and not _has_terminal()):
                    return
                self._is_roll_due = True
            self._signals.wait(_IDLE_LOOK_S if self._is_settled() else _BUSY_LOOK_S)

    def _look(self) -> None:
        for post in (*self._companions, *self._workers):
            post.look()
        if self.phase == "starting":
            self._see_whether_it_started()
        if self._roll is not None:
            self._go_on(self._roll)
        if self._is_roll_due and self.phase == "running":
            self._begin_roll()
        self._write()

    def _see_whether_it_started(self) -> None:
        failures = [post.failure for post in self._workers if post.failure is not None]
        if failures and not any(post.is_ready for post in self._workers):
            msg = f"{self.program} could not start: {failures[0]}"
            raise Refused(msg, next_step="what it said before stands above, or in its log")
        if all(post.is_ready for post in self._workers):
            self.phase = "running"
            _log.info("%s is ready: %d workers", self.program, len(self._workers))

    def _begin_roll(self) -> None:
        self.phase, self._is_roll_due = "rolling", False
        self._roll = Roll((*self._workers, *self._companions))
        _log.info("%s restarts its processes, one at a time", self.program)

    def _go_on(self, roll: Roll) -> None:
        roll.step()
        if not roll.is_over:
            return
        self._roll, self.phase, self._reason = None, "running", roll.reason
        if roll.reason is None:
            self._rolls += 1
            _log.info("%s has new processes", self.program)
        else:
            self._failures += 1
            _log.error("the restart was given up: %s", roll.reason)

    def _stop(self) -> None:
        self.phase = "stopping"
        _log.info("%s ends", self.program)
        for posts in (self._workers, self._companions):
            for post in posts:
                post.vacate()
            while not all([post.is_empty() for post in posts]):  # noqa: C419 - each has to look
                self._write()
                if self._signals.next() is not None:
                    for post in posts:
                        post.vacate(within_s=_LESS_PATIENCE_S)
                self._signals.wait(_BUSY_LOOK_S)
        self._write()

    def _is_settled(self) -> bool:
        return all(post.is_settled for post in (*self._workers, *self._companions))

    def _post(self, recipe: Recipe) -> Post:
        return Post(recipe, self.clock, self._spawn, self._forget)

    def _spawn(self, recipe: Recipe) -> Child:
        child = Child.spawn(recipe, self._lifeline, self.clock)
        _log.info("%s starts (pid %d)", recipe.name, child.pid)
        return child

    def _forget(self, pid: int) -> None:
        """Take a dead process's gauges out of the sums; what it counted stays in them."""
        mark_process_dead(pid, str(self.folder.metrics))  # type: ignore[no-untyped-call]

    def _write(self) -> None:
        posts = (*self._workers, *self._companions)
        held = [post.holder for post in self._workers if post.holder is not None]
        record = MasterRecord(
            pid=os.getpid(),
            phase=self.phase,
            workers=tuple(Worker(child.pid, child.is_ready) for child in held),
            leaving=tuple(child.pid for post in posts for child in post.leaving),
            companions={
                post.recipe.name: post.holder.pid for post in self._companions if post.holder
            },
            rolls=self._rolls,
            failures=self._failures,
            reason=self._reason,
        )
        if record != self._written:
            self._written = record
            try:
                self.folder.write(record)
            except OSError as error:  # a full disk must not end what answers diners
                _log.warning("the record of processes could not be written: %s", error)


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
