"""A bound on request bodies, before anything reads them."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from maitred.errors import TooLarge
from services.web.problems import problem_response

__all__ = ["MAX_BODY_BYTES", "BodyLimit"]

MAX_BODY_BYTES = 1024 * 1024


class BodyLimit:
    """ASGI middleware: 413 for bodies over the limit.

    A stated length is believed at once; a chunked body is counted while it comes, and never kept
    beyond the limit.
    """

    def __init__(self, app: ASGIApp, *, max_bytes: int = MAX_BODY_BYTES) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = _Counted(receive, send, self._max_bytes)
        if _stated_length(scope) > self._max_bytes:
            await body.refuse(scope)
            return
        try:
            await self._app(scope, body.receive, body.send)
        except TooLarge:
            if not body.is_too_large:
                raise
        if body.is_too_large:
            await body.refuse(scope)


class _Counted:
    """One request's channel, which closes towards the app when the body grows too large."""

    def __init__(self, receive: Receive, send: Send, max_bytes: int) -> None:
        self._receive, self._send = receive, send
        self._max_bytes = max_bytes
        self._seen = 0
        self._detail = f"the body is larger than {max_bytes} bytes"

    @property
    def is_too_large(self) -> bool:
        return self._seen > self._max_bytes

    async def receive(self) -> Message:
        message = await self._receive()
        self._seen += len(message.get("body", b""))
        if self.is_too_large:
            raise TooLarge(self._detail)
        return message

    async def send(self, message: Message) -> None:
        """Pass on what the app says, unless it will be refused anyway."""
        if not self.is_too_large:
            await self._send(message)

    async def refuse(self, scope: Scope) -> None:
        errors = [("body", self._detail)]
        headers = {"Connection": "close"}
        response = problem_response(413, self._detail, errors=errors, headers=headers)
        await response(scope, self._receive, self._send)


def _stated_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0
