"""``python -m services.inference.relay``: takes impressions from workers and puts them into the log.

A process of its own, because making events and talking to Kafka would take half of a worker's
interpreter at load. It gives way to whatever answers diners (nice): late impressions cost nothing,
and what it has not read yet waits in the kernel and then in the workers, bounded in both.
"""

import logging
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Final

from prometheus_client import CollectorRegistry

from maitred.cli import reporting
from maitred.clock import Clock, SystemClock
from maitred.errors import InvalidEvent, UsageError
from maitred.heap import settle
from maitred.observability import Metrics, configure_logging
from maitred.settings import Settings, load
from services.inference.channel import LARGEST, BufferedSocket, HandOn
from services.inference.datagram import unpack
from services.inference.outlet import open_outlet

__all__ = ["Relay", "main", "open_relay"]

_LOG = logging.getLogger(__name__)
_TURN_S: Final = 0.5
"""Longest wait for a datagram before it is asked whether to go on."""
_PAUSE_S: Final = 0.02
"""Rest between two turns, so that a turn has several datagrams and Kafka gets whole batches."""
_DATAGRAMS: Final = 64
"""Most datagrams of one turn."""
_LAST_S: Final = 2.0


class Relay:
    """Reads datagrams of packed impressions and hands on the events, on the thread that runs it.

    ``lifeline`` is a file that ends with whoever started the relay; None: only :meth:`stop` ends it.
    """

    def __init__(
        self,
        receiver: socket.socket,
        hand_on: HandOn,
        *,
        clock: Clock,
        metrics: Metrics,
        lifeline: int | None = None,
    ) -> None:
        self._receiver = receiver
        self._receiver.settimeout(0)
        self._hand_on = hand_on
        self._clock = clock
        self._metrics = metrics
        self._lifeline = lifeline
        self._stopping = threading.Event()
        self._buffer = memoryview(bytearray(LARGEST))

    def stop(self) -> None:
        """End :meth:`run` soon; safe from any thread and from signal handlers."""
        self._stopping.set()

    def run(self) -> None:
        """Hand on what comes until stopped or orphaned; then what still waits, for two seconds."""
        lifeline = self._lifeline
        watched = [self._receiver.fileno(), *([] if lifeline is None else [lifeline])]
        while not self._stopping.is_set():
            readable, _, _ = select.select(watched, [], [], _TURN_S)
            if lifeline in readable and not os.read(lifeline, 1):
                break
            self._turn()
            self._stopping.wait(_PAUSE_S)
        deadline = self._clock.monotonic() + _LAST_S
        while self._turn() and self._clock.monotonic() < deadline:
            pass

    def _turn(self) -> bool:
        """Hand on what waits in the kernel, up to a bound; tell whether there was anything."""
        events: list[tuple[str, bytes]] = []
        count = 0
        for datagram in self._waiting():
            count += 1
            try:
                events += unpack(datagram)
            except InvalidEvent as error:
                self._metrics.impressions.labels("dropped").inc()
                _LOG.warning("%s", error)
        try:
            if events:
                self._hand_on(events)
        except Exception:  # noqa: BLE001 - outermost loop
            self._metrics.unexpected.labels("relay").inc()
            _LOG.exception("%d impressions were not handed on", len(events))
        return count > 0

    def _waiting(self) -> Iterator[bytes]:
        for _ in range(_DATAGRAMS):
            try:
                size = self._receiver.recv_into(self._buffer)
            except BlockingIOError:
                return
            yield bytes(self._buffer[:size])


@contextmanager
def open_relay(settings: Settings, clock: Clock, metrics: Metrics) -> Iterator[Relay]:
    """Yield a relay from the inherited socket to Kafka; Kafka need not be there.

    Standard input is its lifeline: see :class:`services.web.companion.Companion`.

    At the end what was handed on is in the log or spooled, within three seconds.

    Raises:
        UsageError: the settings name no socket.
    """
    if settings.impressions_fd is None:
        msg = "the relay was given no socket to read impressions from"
        raise UsageError(msg, next_step="maitred serve starts it; it is no program to start alone")
    with (
        closing(BufferedSocket(settings.impressions_fd).socket) as receiver,
        open_outlet(settings, clock, metrics) as hand_on,
    ):
        yield Relay(
            receiver,
            hand_on,
            clock=clock,
            metrics=metrics,
            lifeline=sys.stdin.fileno(),
        )


def main() -> None:
    """Run the relay until SIGTERM."""
    settings = load()
    configure_logging(settings.log_level)
    with open_relay(settings, SystemClock(), Metrics(CollectorRegistry())) as relay:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: relay.stop())
        settle()
        relay.run()


if __name__ == "__main__":
    with reporting():
        main()
