"""Waiting on an event loop for something that happens elsewhere."""

from collections.abc import Awaitable, Callable

from maitred.clock import SystemClock


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
