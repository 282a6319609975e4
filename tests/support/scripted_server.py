"""A server on a real socket that does what a script says, request after request: cut, or reply."""

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from maitred.clock import SystemClock

CUT = b""
"""Close the connection without a byte of reply."""


@dataclass
class ScriptedServer:
    """The last line of the script holds for every request after it."""

    script: Sequence[bytes]
    url: str = ""
    requests: list[bytes] = field(default_factory=list)
    drip_s: float = 0.0
    """Before each byte of a reply; 0: all at once."""

    def answer(self, connection: socket.socket) -> None:
        with connection:
            while request := _request(connection):
                reply = self.script[min(len(self.requests), len(self.script) - 1)]
                self.requests.append(request)
                if reply == CUT:
                    return
                self._send(connection, reply)

    def _send(self, connection: socket.socket, reply: bytes) -> None:
        if not self.drip_s:
            connection.sendall(reply)
            return
        with suppress(OSError):  # nobody waits for the rest
            for at in range(len(reply)):
                SystemClock().sleep(self.drip_s)
                connection.sendall(reply[at : at + 1])


def reply(status: str, body: bytes, *headers: str) -> bytes:
    head = "\r\n".join((f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers))
    return f"{head}\r\n\r\n".encode() + body


def _request(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        chunk = connection.recv(65536)
        if not chunk:
            return b""
        received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    size = int(lengths[0].partition(b":")[2]) if lengths else 0
    while len(body) < size:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


@contextmanager
def scripted(*script: bytes, drip_s: float = 0.0) -> Iterator[ScriptedServer]:
    """Serve until the context ends."""
    server = ScriptedServer(script, drip_s=drip_s)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        is_over = threading.Event()

        def accept() -> None:
            while not is_over.is_set():
                connection, _ = listener.accept()
                threading.Thread(target=server.answer, args=(connection,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield server
        is_over.set()
        with socket.create_connection(listener.getsockname()):
            thread.join(5)
