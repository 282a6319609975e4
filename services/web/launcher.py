"""Starts a program under uvicorn, one process or several, and stops it gently."""

import shutil
from pathlib import Path

import uvicorn

from maitred.settings import share_metrics

__all__ = ["run"]

KEEP_ALIVE_S = 75
"""Longer than clients keep idle connections, so that none sends into a closing one."""

GRACE_S = 5


def run(app_factory: str, *, host: str, port: int, workers: int = 1, state_dir: Path) -> None:
    """Serve until SIGTERM or Ctrl-C; running requests are answered first.

    ``app_factory`` is ``"module:function"``: each worker imports it and calls it without
    arguments. Several workers add up their metrics in a folder of ``state_dir``.
    """
    if workers > 1:
        folder = state_dir.resolve() / "metrics" / app_factory.partition(":")[0]
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        share_metrics(folder)
    uvicorn.run(
        app_factory,
        factory=True,
        host=host,
        port=port,
        workers=workers,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
        backlog=2048,
    )
