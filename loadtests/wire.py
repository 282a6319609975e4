"""A small HTTP/1.1 client for load: one request at a time on each of many kept-alive connections.

httpx spends about a millisecond of CPU a request, more than the service does; this one parses with
httptools, which uvicorn brings along. It must not decide anything about replies: see ``judge``.
"""

import asyncio
import errno
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

import httptools
from typing_extensions import override

from maitred.clock import Clock

__all__ = ["Address", "Exchange", "Pool", "address_of", "get_request"]


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens."""

    host: str
    port: int


def address_of(url: str) -> Address:
    """Return where a plain http URL points."""
    parts = urlsplit(url)
    return Address(parts.hostname or "127.0.0.1", parts.port or 80)


def get_request(address: Address, target: str) -> bytes:
    """Return the bytes of a GET; ``target`` is the path with its query string."""
    head = f"GET {target} HTTP/1.1\r\nhost: {address.host}:{address.port}\r\n"
    return f"{head}accept: application/json\r\n\r\n".encode()


@dataclass(slots=True)
class Exchange:
    """One request and what came back; ``status`` 0 means that nothing whole did."""

    number: int
    payload: bytes
    deadline: float = float("inf")
    """Moment on the clock at which it is given up."""
    status: int = 0
    body: bytes = b""
    done_at: float = 0.0
    resent: bool = False
    failure: str | None = None
    connection: "_Connection | None" = None


class _Connection(asyncio.Protocol):
    """One connection; parser callbacks have the names that httptools calls."""

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool
        self._transport: asyncio.Transport | None = None
        self._exchange: Exchange | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._chunks: list[bytes] = []
        self._has_bytes = False

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name
        self._pool.joined(self)

    def send(self, exchange: Exchange) -> None:
        self._exchange, exchange.connection = exchange, self
        self._has_bytes = False
        if self._transport is not None:
            self._transport.write(exchange.payload)

    @override
    def data_received(self, data: bytes) -> None:
        self._has_bytes = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.close()

    def on_body(self, body: bytes) -> None:
        self._chunks.append(body)

    def on_message_complete(self) -> None:
        exchange, self._exchange = self._exchange, None
        status, keep = self._parser.get_status_code(), self._parser.should_keep_alive()
        body = b"".join(self._chunks)
        self._chunks.clear()
        if not keep:
            self.close()
        if exchange is not None:
            self._pool.answered(self if keep else None, exchange, status, body)

    @override
    def connection_lost(self, exc: Exception | None) -> None:  # asyncio's name
        exchange, self._exchange = self._exchange, None
        self._pool.left(self, exchange, replied=self._has_bytes)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    @property
    def is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()


@dataclass(slots=True)
class Pool:
    """Up to ``limit`` connections to one address; what finds none free waits in order.

    ``done`` is called once for every exchange submitted. A kept-alive connection that the server
    cuts before the first byte of a reply is what any client must expect of a server that closes
    idle ones: that request is sent once more, on its old clock.
    """

    address: Address
    limit: int
    clock: Clock
    done: Callable[[Exchange], None]
    _idle: deque[_Connection] = field(default_factory=deque)
    _waiting: deque[Exchange] = field(default_factory=deque)
    _dials: set[asyncio.Task[None]] = field(default_factory=set)
    _size: int = 0
    pending: dict[int, Exchange] = field(default_factory=dict)

    async def warm(self, connections: int) -> None:
        """Open connections before the first request is due."""
        for _ in range(min(connections, self.limit) - self._size):
            self._dial()
        if self._dials:
            await asyncio.wait(set(self._dials))

    def submit(self, exchange: Exchange) -> None:
        """Send now, or as soon as a connection is free."""
        self.pending[exchange.number] = exchange
        self._place(exchange)

    def give_up(self, now: float) -> None:
        """End every exchange whose deadline has passed."""
        late = [exchange for exchange in self.pending.values() if exchange.deadline <= now]
        for exchange in late:
            exchange.failure = "timeout"
            connection = exchange.connection
            if connection is not None:
                connection.close()
            self._finish(exchange)
        if late:
            self._waiting = deque(e for e in self._waiting if e.number in self.pending)

    async def close(self) -> None:
        """Close every connection; what is still pending ends as a time-out."""
        self.give_up(float("inf"))
        for dial in self._dials:
            dial.cancel()
        for connection in self._idle:
            connection.close()
        await asyncio.sleep(0)

    def joined(self, connection: _Connection) -> None:
        """Take a new or free connection into use."""
        while self._waiting:
            exchange = self._waiting.popleft()
            if exchange.number in self.pending:
                connection.send(exchange)
                return
        self._idle.append(connection)

    def answered(
        self, connection: _Connection | None, exchange: Exchange, status: int, body: bytes
    ) -> None:
        """Finish an exchange; its connection, if still good, takes the next one."""
        if exchange.number in self.pending:
            exchange.status, exchange.body = status, body
            self._finish(exchange)
        if connection is not None:
            self.joined(connection)

    def left(self, connection: _Connection, exchange: Exchange | None, *, replied: bool) -> None:
        """Forget a connection that ended; resend or fail what it carried."""
        self._size -= 1
        if connection in self._idle:
            self._idle.remove(connection)
        if exchange is not None and exchange.number in self.pending:
            exchange.connection = None
            if replied or exchange.resent:
                exchange.failure = "cut"
                self._finish(exchange)
            else:
                # On a new connection, and first: other idle ones may be as stale as this one was.
                exchange.resent = True
                self._waiting.appendleft(exchange)
                self._dial()
        elif self._waiting and self._size < self.limit:
            self._dial()

    def _place(self, exchange: Exchange) -> None:
        while self._idle:
            connection = self._idle.popleft()
            if connection.is_open:
                connection.send(exchange)
                return
        self._waiting.append(exchange)
        if self._size < self.limit:
            self._dial()

    def _finish(self, exchange: Exchange) -> None:
        del self.pending[exchange.number]
        exchange.done_at = self.clock.monotonic()
        exchange.connection = None
        self.done(exchange)

    def _dial(self) -> None:
        self._size += 1
        task = asyncio.get_running_loop().create_task(self._connect())
        self._dials.add(task)
        task.add_done_callback(self._dials.discard)

    async def _connect(self) -> None:
        try:
            await asyncio.get_running_loop().create_connection(
                lambda: _Connection(self), self.address.host, self.address.port
            )
        except OSError as error:
            self._size -= 1
            if self._waiting:
                exchange = self._waiting.popleft()
                exchange.failure = f"connect: {errno.errorcode.get(error.errno or 0, 'error')}"
                self._finish(exchange)
