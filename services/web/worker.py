"""``python -m services.web.worker APP_FACTORY SOCKET PROCESSOR PIPE``: one worker; a master starts it.

SOCKET and PIPE are numbers of file descriptors: where it accepts, and where it says that it is ready.
PROCESSOR is where it keeps to from then on, ``any`` if nowhere.
Until then it gives way: while workers are replaced, those that answer need the machine. So whatever
takes long to import is imported in here, on a thread that gives way, and not above.
"""

import logging
import socket
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from maitred.errors import MaitredError
from maitred.priority import run_behind
from services.web.child import ANYWHERE, READY, say

if TYPE_CHECKING:
    from services.web.server import WorkerServer

__all__ = ["KEEP_ALIVE_S", "serve"]

KEEP_ALIVE_S = 75
"""Longer than clients keep idle connections, so that none sends into a closing one."""

_log = logging.getLogger(__name__)


def serve(app_factory: str, listener: int, processor: int | None, pipe: int) -> int:
    """Serve until told to end; return the exit code."""
    try:
        server = run_behind(lambda: _server(_make(app_factory), processor, pipe))
    except MaitredError as error:
        say(pipe, str(error))
        return error.exit_code
    except Exception as error:  # noqa: BLE001  # an outermost loop: the master must hear of it
        _log.exception("%s failed", app_factory)
        say(pipe, f"{app_factory}: {type(error).__name__}: {error}")
        return 1
    with socket.socket(fileno=listener) as accepting:
        server.run([accepting])
    return 0


def _make(app_factory: str) -> Any:  # noqa: ANN401 - whatever ASGI application it makes
    module, _, name = app_factory.partition(":")
    return getattr(import_module(module), name)()


def _server(app: Any, processor: int | None, pipe: int) -> "WorkerServer":  # noqa: ANN401 - as `_make` made it
    import uvicorn  # noqa: PLC0415

    from maitred.clock import SystemClock  # noqa: PLC0415
    from services.web.protocol import PatientProtocol  # noqa: PLC0415
    from services.web.server import WorkerServer  # noqa: PLC0415

    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=PatientProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        backlog=2048,
    )
    return WorkerServer(
        config,
        SystemClock(),
        processor=processor,
        on_ready=lambda: say(pipe, READY),
        on_failure=lambda reason: say(pipe, reason),
    )


if __name__ == "__main__":
    factory, socket_fd, where, pipe_fd = sys.argv[1:]
    where_to_keep = None if where == ANYWHERE else int(where)
    sys.exit(serve(factory, int(socket_fd), where_to_keep, int(pipe_fd)))
