"""Is it ready? One question to a server over loopback, without any client library.

Probes keep no connection: what they say is true of a new caller. They are plain values, so the
stack's record can hold them and ``maitred status`` can ask again. The supervisor lives as long as
the stack, so nothing heavy is imported here.
"""

import http.client
import json
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlsplit

__all__ = ["ANSWER_WITHIN_S", "Kind", "Probe", "fetch_json", "split_address"]

Kind = Literal["http", "redis", "kafka", "tcp"]

ANSWER_WITHIN_S: Final = 1.0
"""Longest wait for one answer, seconds."""

_API_VERSIONS: Final = 18
_CORRELATION: Final = 7
_HEAD_BYTES: Final = 10


@dataclass(frozen=True, slots=True)
class Probe:
    """A question by kind: ``http`` wants 200, ``redis`` PONG, ``kafka`` its versions, ``tcp`` a port.

    ``target`` is a URL for ``http``, else ``host:port`` or several with commas: one must answer.
    """

    kind: Kind
    target: str

    def __call__(self) -> str | None:
        """Ask once; return None when content, else the reason why not, for a person to read."""
        reason: str | None = "nothing to ask"
        for target in self.target.split(","):
            try:
                reason = _QUESTIONS[self.kind](target)
            except (OSError, http.client.HTTPException, struct.error) as error:
                reason = f"{target}: {error}"
            if reason is None:
                return None
        return reason


def split_address(address: str, default_port: int) -> tuple[str, int]:
    """Return host and port of ``host:port`` or of a URL."""
    parts = urlsplit(address if "//" in address else f"//{address}")
    return parts.hostname or "127.0.0.1", parts.port or default_port


def _listens(target: str) -> str | None:
    socket.create_connection(split_address(target, 0), timeout=ANSWER_WITHIN_S).close()
    return None


def _answers_ping(target: str) -> str | None:
    reply = _exchange(target, b"PING\r\n", lambda got: got.endswith(b"\r\n"))
    # A server that wants a password is alive, too.
    alive = reply.startswith((b"+PONG", b"-NOAUTH"))
    return None if alive else f"{target} answered {reply[:60]!r} to PING"


def _answers_api_versions(target: str) -> str | None:
    """Ask for the versions of Kafka's protocol (key 18, version 0).

    An open port is not enough: a frozen broker's kernel still accepts connections.
    """
    request = struct.pack(">hhih", _API_VERSIONS, 0, _CORRELATION, -1)
    frame = struct.pack(">i", len(request)) + request
    reply = _exchange(target, frame, lambda got: len(got) >= _HEAD_BYTES)
    _, correlation, code = struct.unpack(">iih", reply[:_HEAD_BYTES])
    answered = correlation == _CORRELATION and code == 0
    return None if answered else f"{target} does not speak Kafka's protocol"


def _answers_ok(url: str) -> str | None:
    status, body = _get(url)
    said = body[:200].decode(errors="replace")
    return None if status == http.client.OK else f"{url} answered {status}: {said}"


_QUESTIONS: Final[dict[Kind, Callable[[str], str | None]]] = {
    "http": _answers_ok,
    "redis": _answers_ping,
    "kafka": _answers_api_versions,
    "tcp": _listens,
}


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


def _exchange(target: str, request: bytes, is_whole: Callable[[bytes], bool]) -> bytes:
    """Send ``request`` and read until the answer is whole.

    Raises:
        OSError: no connection, no answer in time, or closed half-way.
    """
    with socket.create_connection(split_address(target, 0), timeout=ANSWER_WITHIN_S) as connection:
        connection.sendall(request)
        got = b""
        while not is_whole(got):
            chunk = connection.recv(4096)
            if not chunk:
                msg = "closed the connection without an answer"
                raise ConnectionError(msg)
            got += chunk
    return got
