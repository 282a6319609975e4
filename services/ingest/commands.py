"""``maitred ingest``."""

from maitred.settings import load

__all__ = ["ingest"]

DEFAULT_PORT = 8081


def ingest() -> None:
    """Run the service that takes events alone, until told to stop: a master and a worker.

    SIGTERM or Ctrl-C to the master answers what was asked, then ends. SIGHUP starts a new worker
    and ends the old one once that is ready.
    """
    from services.web.launcher import run  # noqa: PLC0415  # only when it serves

    settings = load()
    port = DEFAULT_PORT if settings.ingest_port is None else settings.ingest_port
    run("ingest", "services.ingest.app:create", settings, port=port)
