"""An ASGI application behind a real socket, on a thread of the test's process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import uvicorn
from fastapi import FastAPI

from maitred.clock import SystemClock
from services.web.protocol import PatientProtocol, ServingState


@contextmanager
def served(app: FastAPI) -> Iterator[httpx.Client]:
    """Yield a client of the app, served over HTTP from start-up to shut-down."""
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        http=PatientProtocol,  # as workers speak
        ws="none",
        log_config=None,
        access_log=False,
    )
    server = uvicorn.Server(config)
    server.server_state = ServingState(SystemClock().monotonic)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    clock = SystemClock()
    while not server.started:
        assert thread.is_alive(), "the application did not start"
        clock.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        yield client
    server.should_exit = True
    thread.join(10)
