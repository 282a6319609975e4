"""Waiting for something that happens elsewhere, in a thread or on an event loop."""

from collections.abc import Awaitable, Callable

from maitred.clock import SystemClock


def eventually(
    claim: Callable[[], bool],
    said: Callable[[], str] = lambda: "it did not happen in time",
    *,
    within_s: float = 30.0,
) -> None:
    """Wait until a claim holds; fail with ``said()`` when it does not in time."""
    clock = SystemClock()
    deadline = clock.monotonic() + within_s
    while not claim():
        assert clock.monotonic() < deadline, said()
        clock.sleep(0.01)


async def until(
    claim: Callable[[], bool] | Callable[[], Awaitable[bool]], *, within_s: float = 5.0
) -> float:
    """Wait until a claim holds, and return the seconds it took; fail when it does not in time."""
    clock = SystemClock()
    started = clock.monotonic()
    while True:
        holds = claim()
        if holds if isinstance(holds, bool) else await holds:
            return clock.monotonic() - started
        assert clock.monotonic() - started < within_s, "it did not happen in time"
        await clock.wait(0.02)
