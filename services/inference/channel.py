"""How packed impressions leave a worker: through a socket to the relay, or straight to an outlet.

One port, two implementations, one contract (tests/contract/inference/test_channels.py). A worker
that answers diners has the socket: making events and talking to Kafka would take half of its
interpreter.
"""

import os
import socket
from collections.abc import Sequence
from typing import Final, Protocol

from maitred.errors import UsageError
from services.inference.datagram import unpack

__all__ = [
    "LARGEST", "BufferedSocket", "Channel", "Events", "HandOn", "LocalChannel", "Outlet",
    "SocketChannel", "one_by_one",
]  # fmt: skip

LARGEST: Final = 192 * 1024
"""Longest datagram, bytes: what fits Linux's smallest default buffer; 35 times a common impression."""
_BUFFER_BYTES: Final = 4 * 1024 * 1024
_OVERHEAD: Final = 2
"""The kernel counts its own bookkeeping into the buffer: at most half of it is payload."""


Events = Sequence[tuple[str, bytes]]
"""User id and event, in the order in which they were offered."""


class HandOn(Protocol):
    """Where events go in the end: into the log (`services/inference/outlet.py`)."""

    def __call__(self, events: Events, /) -> object:
        """Take these; never blocks, never raises. What is dropped is counted there."""


class Outlet(Protocol):
    """The same, one by one: for programs and tests that look at each."""

    def __call__(self, key: str, value: bytes, /) -> object:
        """Take one event; never blocks, never raises."""


def one_by_one(outlet: Outlet) -> HandOn:
    """Return what hands each event to the outlet."""

    def hand_on(events: Events, /) -> None:
        for key, event in events:
            outlet(key, event)

    return hand_on


class Channel(Protocol):
    """Takes datagrams of packed impressions away from the worker.

    Ordering: datagrams arrive in the order in which they were taken. Delivery: one that was taken
    arrives whole and once, unless the process that reads it is killed after reading it.
    """

    @property
    def limit(self) -> int:
        """Return the longest datagram that is ever taken, bytes."""

    def send(self, datagram: bytes) -> bool:
        """Take the datagram, or nothing of it: False means that there is no room now.

        Never blocks and never raises; what is over the limit is never offered.
        """

    def close(self) -> None:
        """Let go; what was taken still arrives."""


class BufferedSocket:
    """One end of a pair of datagram sockets that this process inherited, with wide buffers.

    The number stays the caller's: this holds a duplicate.

    Raises:
        UsageError: the number is no datagram socket of this machine.
    """

    def __init__(self, fd: int) -> None:
        try:
            self.socket = socket.socket(fileno=os.dup(fd))
        except OSError as error:
            raise _no_socket(fd) from error
        if (self.socket.family, self.socket.type) != (socket.AF_UNIX, socket.SOCK_DGRAM):
            self.socket.close()
            raise _no_socket(fd)
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):  # the kernel caps them silently
            self.socket.setsockopt(socket.SOL_SOCKET, option, _BUFFER_BYTES)


class SocketChannel:
    """The sending end of a pair of datagram sockets; see :class:`Channel`."""

    def __init__(self, fd: int) -> None:
        self._socket = BufferedSocket(fd).socket
        self._socket.settimeout(0)
        buffer = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        self._limit = min(LARGEST, buffer // _OVERHEAD)

    @property
    def limit(self) -> int:
        """See :class:`Channel`."""
        return self._limit

    def send(self, datagram: bytes) -> bool:
        """See :class:`Channel`; a pair whose other end is closed has no room for ever."""
        try:
            self._socket.send(datagram)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """See :class:`Channel`."""
        self._socket.close()


class LocalChannel:
    """Makes the events in this process, for one that runs without a relay; see :class:`Channel`."""

    limit = LARGEST

    def __init__(self, hand_on: HandOn) -> None:
        self._hand_on = hand_on

    def send(self, datagram: bytes) -> bool:
        """See :class:`Channel`."""
        self._hand_on(list(unpack(datagram)))
        return True

    def close(self) -> None:
        """See :class:`Channel`."""


def _no_socket(fd: int) -> UsageError:
    return UsageError(
        f"file descriptor {fd} is no end of a pair of datagram sockets",
        next_step="leave MAITRED_IMPRESSIONS_FD to the program that starts workers and relay",
    )
