"""A consumer's small HTTP window: alive, and its metrics. No framework: its image has none."""

import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from typing_extensions import override

__all__ = ["serve_health"]

_LOG = logging.getLogger(__name__)


@contextmanager
def serve_health(
    host: str, port: int, *, registry: CollectorRegistry, is_alive: Callable[[], bool]
) -> Iterator[str]:
    """Serve ``/healthz`` and ``/metrics`` on a thread of its own; yield the base URL.

    ``/healthz`` answers 200, or 503 when ``is_alive`` says no. Port 0 means any free one.
    """

    class Window(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path in {"/healthz", "/readyz"}:
                alive = is_alive()
                body = json.dumps({"status": "alive" if alive else "stalled"}).encode()
                status = HTTPStatus.OK if alive else HTTPStatus.SERVICE_UNAVAILABLE
                self._answer(status, "application/json", body)
            elif path == "/metrics":
                self._answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(registry))
            else:
                self._answer(HTTPStatus.NOT_FOUND, "text/plain", b"/healthz or /metrics\n")

        def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: probes come every second."""

    server = ThreadingHTTPServer((host, port), Window)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="health", daemon=True)
    thread.start()
    url = f"http://{host}:{server.server_address[1]}"
    _LOG.info("health and metrics at %s", url)
    try:
        yield url
    finally:
        server.shutdown()
        server.server_close()
