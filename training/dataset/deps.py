"""What the ``data`` commands need from outside: settings, a clock, and where to write for people."""

import json
from dataclasses import dataclass

from rich.console import Console

from maitred import settings
from maitred.clock import Clock, SystemClock
from maitred.errors import NotFound

__all__ = ["Dependencies", "dependencies", "redis_url"]


@dataclass(frozen=True, slots=True)
class Dependencies:
    """Everything that a ``data`` command does not get from its command line."""

    settings: settings.Settings
    clock: Clock
    out: Console
    """Reports."""
    progress: Console
    """Progress bars: standard error, silent when it is no terminal."""


def dependencies() -> Dependencies:
    """Read the environment and return what commands need."""
    return Dependencies(
        settings=settings.load(),
        clock=SystemClock(),
        out=Console(highlight=False, soft_wrap=True),
        progress=Console(stderr=True),
    )


def redis_url(known: settings.Settings) -> str:
    """Return the Redis that settings name, else that of the stack which runs on the state folder.

    Raises:
        NotFound: if there is neither.
    """
    if known.redis_url:
        return known.redis_url
    record = known.state_dir / "stack.json"
    try:
        url = json.loads(record.read_text(encoding="utf-8"))["services"]["valkey"]["url"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        msg = f"no Redis is known: no stack has run on {known.state_dir}"
        step = "start one with `maitred up --detach`, or set MAITRED_REDIS_URL"
        raise NotFound(msg, next_step=step) from error
    return str(url)
