"""How often a call is tried: within its time, and never so often that retries become the load.

Tried again is only what cannot have been answered: nobody took the connection, it was cut before
the reply, or the service said itself when to come back (429 and 503 with Retry-After). Every call
is safe to repeat: lists are settled by their request id, events by theirs, the others only read.
"""

import threading
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import httpx

from maitred.clock import Clock

__all__ = ["Answer", "Attempt", "Call", "Pause", "Request", "RetryBudget", "exchange"]

_Result = TypeVar("_Result")

FIRST_PAUSE_S = 0.01
"""Before the first retry of a cut connection; doubles with each."""
LEAST_S = 0.001
"""An attempt is given no less, however late it is."""
_BUSY = frozenset({429, 503})
_NOT_ANSWERED = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.ReadError,
    httpx.WriteError,
    httpx.RemoteProtocolError,
)


class RetryBudget:
    """A bucket of tokens: a call puts in a share of one, a retry takes a whole one.

    So retries are at most that share of all calls, and ``burst`` more in a row. Safe for threads.
    """

    def __init__(self, share: float = 0.1, *, burst: float = 10.0) -> None:
        """``share`` 0: nothing is ever tried again."""
        self._share, self._burst = share, burst
        self._tokens = 1.0 if share > 0 else 0.0
        self._lock = threading.Lock()

    def earn(self) -> None:
        """Note that a call begins."""
        with self._lock:
            self._tokens = min(self._tokens + self._share, self._burst)

    def take(self) -> bool:
        """Whether one retry is affordable; then it is paid."""
        with self._lock:
            is_affordable = self._tokens >= 1.0
            self._tokens -= is_affordable
        return is_affordable


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent, once or more often."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """Send it now; the answer is a response, or the error that came instead."""

    request: Request
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait; the answer is None."""

    seconds: float


Answer = httpx.Response | httpx.HTTPError | None
Call = Generator[Attempt | Pause, Answer, _Result]
"""A call as steps, so that blocking and asynchronous clients are the same code."""


def exchange(
    request: Request, budget: RetryBudget, clock: Clock, *, timeout_s: float
) -> Call[httpx.Response]:
    """Return the response to a request that may be tried again, whatever its status.

    ``timeout_s`` is for all attempts and pauses together; each attempt is given what is left.

    Raises:
        httpx.HTTPError: that of the last attempt.
    """
    ends = clock.monotonic() + timeout_s
    pause_s = FIRST_PAUSE_S
    budget.earn()
    while True:
        answer = yield Attempt(request, max(ends - clock.monotonic(), LEAST_S))
        wait_s = _wait_s(answer, pause_s)
        is_late = wait_s is None or clock.monotonic() + wait_s >= ends
        if wait_s is None or is_late or not budget.take():
            if isinstance(answer, httpx.Response):
                return answer
            assert answer is not None  # noqa: S101  # attempts are never answered by None
            raise answer
        yield Pause(wait_s)
        pause_s *= 2


def _wait_s(answer: Answer, pause_s: float) -> float | None:
    """Return how long to wait before another attempt; None: there shall be none."""
    if isinstance(answer, httpx.Response):
        said = answer.headers.get("retry-after", "")
        return float(said) if answer.status_code in _BUSY and said.isdecimal() else None
    return pause_s if isinstance(answer, _NOT_ANSWERED) else None
