"""HTTP/1.1 as uvicorn speaks it, with limits on what a client may send and on how long it may take.

It runs in every request: whatever is not needed by an ordinary one stays off its way. No timer is
set for a request; the server asks each connection now and then whether it is overdue.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final, cast

from starlette.responses import Response
from typing_extensions import override
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.server import ServerState

from services.web.problems import problem_response

__all__ = ["HEADERS_BYTES", "PATIENCE_S", "URL_BYTES", "PatientProtocol", "ServingState"]

PATIENCE_S: Final = 5.0
"""How long a client may take for a request's head, and again for its body."""

HEADERS_BYTES: Final = 16 * 1024
URL_BYTES: Final = 8 * 1024

_FAREWELL_S: Final = 2.0
"""How long a refused client has for reading why: an end at once could destroy what was written."""


class ServingState(ServerState):
    """What all connections of a worker share."""

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__()
        self.now = now


class PatientProtocol(HttpToolsProtocol):
    """One connection.

    ``scope["state"]["arrived"]`` is when the first byte of the request was read, in seconds of
    :meth:`maitred.clock.Clock.monotonic`, and ``["due"]`` when the application could begin: the head
    was complete, and what the connection had asked before was answered. What passed between the two
    is the client's own doing. A worker that drains lets its connections go one after another: from
    its moment on, a connection's replies say ``Connection: close``.
    """

    server_state: ServingState

    def __init__(
        self,
        config: Config,
        server_state: ServingState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._now = server_state.now
        self._owes_since: float | None = self._now()
        """Since when the client owes us the rest of a head or body; None when it owes nothing."""
        self._fed = 0
        """Bytes that came since it last owed nothing: at least the length of the head."""
        self._begun_at = 0
        self._body_of: object = None
        self._refusal: tuple[int, str] | None = None
        self._closes_at: float | None = None
        self._leaves_at = float("inf")

    @override
    def data_received(self, data: bytes) -> None:
        if self._closes_at is not None:
            return  # what a refused client had still to say
        if self._owes_since is None:
            self._fed = 0
        self._fed += len(data)
        super().data_received(data)
        if self._owes_since is not None:
            self._await_rest()
        elif self.cycle is None or self.cycle.response_complete:  # type: ignore[redundant-expr]
            self._owes_since = self._now()  # an empty line: allowed, and the start of a request

    @override
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._begun_at = self._fed
        self._owes_since = self.scope["state"]["arrived"] = self._now()

    @override
    def on_headers_complete(self) -> None:
        if self._fed > URL_BYTES:
            self._measure_head()
        due = self.scope["state"]["due"] = self._now()
        super().on_headers_complete()
        if due >= self._leaves_at:
            self.cycle.keep_alive = False

    @override
    def on_message_complete(self) -> None:
        self._owes_since = None
        super().on_message_complete()

    @override
    def on_response_complete(self) -> None:
        if self.pipeline:
            following, _ = self.pipeline[-1]
            following.scope["state"]["due"] = self._now()
        super().on_response_complete()

    @override
    def eof_received(self) -> bool:  # type: ignore[override]
        """Answer what was asked before a client closed its half."""
        if self._closes_at is None and self._is_asking():
            self._refuse(400, "the connection ended in the middle of a request")
        if not self._is_answering():
            return False
        self.cycle.keep_alive = False
        return True

    @override
    def send_400_response(self, msg: str) -> None:
        """Answer what could not be parsed, or what :meth:`_measure_head` objected to."""
        self._refuse(*(self._refusal or (400, "this is not a request of HTTP/1.1")))

    def leave(self, moment: float) -> None:
        """Let the first reply that is begun from ``moment`` on be the last one of this connection.

        A moment that has come holds for the reply that is being made, if it can still say so.
        """
        self._leaves_at = moment
        if self._now() >= moment and self._is_answering() and not self.cycle.response_started:
            self.cycle.keep_alive = False

    def close_if_idle(self) -> None:
        """Close unless something was asked, or is being."""
        if not self._is_asking() and not self._is_answering():
            self.transport.close()

    def close_if_overdue(self) -> bool:
        """Cut a client that has not sent its request in time; return whether that was so."""
        now = self._now()
        if self._closes_at is not None:
            if now >= self._closes_at:
                self.transport.abort()
            return False
        if self._owes_since is None or now - self._owes_since <= PATIENCE_S:
            return False
        if self._waits_for_us():
            self._owes_since = now
            return False
        if self._is_asking():
            self._refuse(408, f"the request was not complete within {PATIENCE_S:g} s")
        else:
            self.transport.close()
        return True

    @property
    def _latest(self) -> RequestResponseCycle | None:
        """The request that was begun last, uvicorn's own word for which hides that there may be none."""
        return self.cycle

    def _is_asking(self) -> bool:
        """Whether part of a request came, and not all of it."""
        return self._owes_since is not None and bool(self.scope)

    def _is_answering(self) -> bool:
        cycle = self._latest
        return cycle is not None and not cycle.response_complete and not cycle.disconnected

    def _waits_for_us(self) -> bool:
        """Whether it is we who do not read, or have not said that we want the body."""
        cycle = self._latest
        return self.flow.read_paused or (cycle is not None and cycle.waiting_for_100_continue)

    def _await_rest(self) -> None:
        """See to what a request lacks after some of it came."""
        cycle = self._latest
        if cycle is not None and cycle.scope is self.scope:
            if self._body_of is not self.scope:  # its head is complete now
                self._body_of, self._owes_since = self.scope, self._now()
        elif self._is_asking():
            try:
                self._measure_head(unread=self._fed - self._begun_at - URL_BYTES)
            except _HeadTooLongError:
                self.send_400_response("")

    def _measure_head(self, *, unread: int = 0) -> None:
        """Refuse a head that is over its limits, as far as it has come.

        ``unread`` are bytes of it that may not be among what was parsed: one endless field, say.
        """
        fields = sum(len(name) + len(value) + len(b": \r\n") for name, value in self.headers)
        if len(self.url) > URL_BYTES:
            self._refusal = (414, f"the address is longer than {URL_BYTES} bytes")
        elif max(fields, unread) > HEADERS_BYTES:
            self._refusal = (431, f"the header fields are longer than {HEADERS_BYTES} bytes")
        else:
            return
        raise _HeadTooLongError

    def _refuse(self, status: int, detail: str) -> None:
        """Say why, then close; a reply that is being made is finished first, and is the last."""
        cycle = self._latest
        self._owes_since = None
        if cycle is not None and self._is_answering():
            if cycle.scope is not self.scope:
                cycle.keep_alive = False
                self._closes_at = float("inf")
                return
            cycle.disconnected = True  # the app waits for a body that will not come
            cycle.message_event.set()
            if cycle.response_started:
                self.transport.close()
                return
        self._closes_at = self._now() + _FAREWELL_S
        self.transport.write(_as_bytes(problem_response(status, detail), self.server_state))
        if self.transport.can_write_eof():
            self.transport.write_eof()


class _HeadTooLongError(Exception):
    """Ends the parser's work; it never leaves this module."""


def _as_bytes(response: Response, state: ServingState) -> bytes:
    headers = [*state.default_headers, *response.raw_headers, (b"connection", b"close")]
    lines = [STATUS_LINE[response.status_code]]
    lines += [b"%b: %b\r\n" % header for header in headers]
    return b"".join([*lines, b"\r\n", cast("bytes", response.body)])
