"""A process whose only work is one stack: its signals, its log, and its end."""

import logging
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from types import FrameType
from typing import Final

from maitred.settings import Settings
from services.local.programs import PROGRAMS, Program
from services.local.stack import prepared
from services.local.supervisor import Supervisor

__all__ = ["supervise"]

_LOG: Final = logging.getLogger("maitred.local")
_ENDINGS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_FORMAT: Final = "%(asctime)s %(levelname)s %(message)s"


def supervise(
    settings: Settings,
    *,
    programs: tuple[Program, ...] = PROGRAMS,
    to_screen: bool = False,
    when_ready: Callable[[Supervisor], None] = lambda _: None,
) -> int:
    """Run a stack until Ctrl-C, SIGTERM or SIGHUP; return the number of the signal that ended it.

    With ``to_screen``, what a person should know appears on standard error, too.

    Raises:
        StackRefused: the stack cannot start.
    """
    with prepared(settings, programs) as supervisor, _logging(supervisor, to_screen=to_screen):
        supervisor.on_ready = lambda: when_ready(supervisor)
        with _ended_by_signals(supervisor.stopping) as received:
            supervisor.run()
    return received[0] if received else 0


@contextmanager
def _ended_by_signals(ending: Event) -> Iterator[list[int]]:
    received: list[int] = []

    def on_signal(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        ending.set()

    before = {
        number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _logging(supervisor: Supervisor, *, to_screen: bool) -> Iterator[None]:
    log = supervisor.folder.log("supervisor")
    log.parent.mkdir(parents=True, exist_ok=True)
    handlers: list[logging.Handler] = [logging.FileHandler(log)]
    if to_screen:
        handlers.append(logging.StreamHandler())
        handlers[-1].setLevel(logging.INFO if sys.stderr.isatty() else logging.WARNING)
    _LOG.setLevel(logging.INFO)
    for handler in handlers:
        handler.setFormatter(logging.Formatter(_FORMAT))
        _LOG.addHandler(handler)
    for notice in supervisor.plan.notices:
        _LOG.info("%s", notice)
    try:
        yield
    finally:
        for handler in handlers:
            _LOG.removeHandler(handler)
            handler.close()
