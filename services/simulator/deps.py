"""The simulator's composition root: settings in; a client, a clock and addresses out."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from maitred.client import Client, find_addresses
from maitred.clock import Clock, SystemClock
from maitred.errors import Unavailable
from maitred.events import Traffic
from maitred.settings import Settings

__all__ = ["Dependencies", "connect"]


@dataclass(frozen=True, slots=True)
class Dependencies:
    """All that the simulator touches of the world."""

    client: Client
    clock: Clock

    def run_id(self, prefix: str) -> str:
        """Return an id for this run, short enough to go into every event's id."""
        return f"{prefix}{int(self.clock.now().timestamp())}"


@contextmanager
def connect(
    settings: Settings, traffic: Traffic, *, inference: str | None, ingest: str | None
) -> Iterator[Dependencies]:
    """Connect to what was named, else to the stack of the state folder, else to the default ports.

    Raises:
        Unavailable: if inference does not answer; every reply after that is counted, not raised.
    """
    clock = SystemClock()
    where = find_addresses(settings, inference=inference, ingest=ingest)
    with Client(where.inference, where.ingest, traffic=traffic, clock=clock) as client:
        if not client.is_ready(where.inference):
            msg = f"inference at {where.inference} is not ready"
            raise Unavailable(
                msg, next_step="start the stack with `maitred up`, or name --inference URL"
            )
        yield Dependencies(client, clock)
