"""Signals as a queue that can be waited on: handlers only note what came."""

import os
import select
import signal
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

__all__ = ["Signals"]


class Signals:
    """Which of the watched signals came, in order."""

    def __init__(self, numbers: tuple[int, ...]) -> None:
        self._numbers = numbers
        self._came: deque[int] = deque()
        self._wake, self._woken = -1, -1

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Note signals while the context lasts; the end of a child interrupts a wait, too."""
        self._wake, self._woken = os.pipe()
        for end in (self._wake, self._woken):
            os.set_blocking(end, False)
        watched = (*self._numbers, signal.SIGCHLD)
        before = {number: signal.signal(number, self._note) for number in watched}
        earlier = signal.set_wakeup_fd(self._woken, warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(earlier)
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(self._wake)
            os.close(self._woken)

    def wait(self, seconds: float) -> None:
        """Block for so long, or until something comes."""
        select.select([self._wake], [], [], seconds)
        with suppress(BlockingIOError):
            while os.read(self._wake, 512):
                continue

    def next(self) -> int | None:
        """Return the oldest signal that was not asked for yet, None when there is none."""
        return self._came.popleft() if self._came else None

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if number != signal.SIGCHLD:
            self._came.append(number)
