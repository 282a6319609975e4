"""Is it ready? One question to a server over loopback, without any client library.

A probe returns None when the server answered as it should, else the reason why not, for a person
to read. Probes keep no connection: what they say is true of a new caller. The supervisor lives as
long as the stack, so nothing heavy is imported here.
"""

import http.client
import json
import socket
import struct
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

__all__ = [
    "ANSWER_WITHIN_S",
    "Probe",
    "fetch_json",
    "http_probe",
    "kafka_probe",
    "redis_probe",
    "split_address",
    "tcp_probe",
]

Probe = Callable[[], str | None]
"""Asks once and gives up after :data:`ANSWER_WITHIN_S`."""

ANSWER_WITHIN_S: Final = 1.0
"""Longest wait for one answer, seconds."""

_API_VERSIONS: Final = 18
_CORRELATION: Final = 7


def split_address(address: str, default_port: int) -> tuple[str, int]:
    """Return host and port of ``host:port`` or of a URL."""
    parts = urlsplit(address if "//" in address else f"//{address}")
    return parts.hostname or "127.0.0.1", parts.port or default_port


def tcp_probe(host: str, port: int) -> Probe:
    """Return a probe that a listening socket satisfies."""

    def ask() -> str | None:
        try:
            socket.create_connection((host, port), timeout=ANSWER_WITHIN_S).close()
        except OSError as error:
            return f"{host}:{port}: {error}"
        return None

    return ask


def redis_probe(host: str, port: int) -> Probe:
    """Return a probe that PONG satisfies; a server that wants a password is alive, too."""

    def ask() -> str | None:
        try:
            reply = _exchange(host, port, b"PING\r\n", lambda got: got.endswith(b"\r\n"))
        except OSError as error:
            return f"{host}:{port}: {error}"
        alive = reply.startswith((b"+PONG", b"-NOAUTH"))
        return None if alive else f"{host}:{port} answered {reply[:60]!r} to PING"

    return ask


def kafka_probe(host: str, port: int) -> Probe:
    """Return a probe that an answer to ApiVersions (key 18, version 0) satisfies.

    An open port is not enough: a stopped broker's kernel still accepts connections.
    """
    request = struct.pack(">hhih", _API_VERSIONS, 0, _CORRELATION, -1)
    frame = struct.pack(">i", len(request)) + request

    def ask() -> str | None:
        try:
            reply = _exchange(host, port, frame, lambda got: len(got) >= 10)  # noqa: PLR2004 - head
        except OSError as error:
            return f"{host}:{port}: {error}"
        _, correlation, code = struct.unpack(">iih", reply[:10])
        answered = correlation == _CORRELATION and code == 0
        return None if answered else f"{host}:{port} does not speak Kafka's protocol"

    return ask


def http_probe(url: str) -> Probe:
    """Return a probe that status 200 satisfies."""

    def ask() -> str | None:
        try:
            status, body = _get(url)
        except (OSError, http.client.HTTPException) as error:
            return f"{url}: {error}"
        ok = http.client.OK
        return (
            None
            if status == ok
            else f"{url} answered {status}: {body[:200].decode(errors='replace')}"
        )

    return ask


def fetch_json(url: str) -> dict[str, object] | None:
    """Return the JSON object that ``url`` serves, or None when it serves none in time."""
    try:
        status, body = _get(url)
        content = json.loads(body) if status == http.client.OK else None
    except (OSError, http.client.HTTPException, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _get(url: str) -> tuple[int, bytes]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(
        parts.hostname or "127.0.0.1", parts.port, timeout=ANSWER_WITHIN_S
    )
    try:
        connection.request("GET", parts.path or "/")
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


def _exchange(host: str, port: int, request: bytes, is_whole: Callable[[bytes], bool]) -> bytes:
    """Send ``request`` and read until the answer is whole.

    Raises:
        OSError: no connection, no answer in time, or closed half-way.
    """
    with socket.create_connection((host, port), timeout=ANSWER_WITHIN_S) as connection:
        connection.sendall(request)
        got = b""
        while not is_whole(got):
            chunk = connection.recv(4096)
            if not chunk:
                msg = "closed the connection without an answer"
                raise ConnectionError(msg)
            got += chunk
    return got
