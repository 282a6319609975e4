"""``maitred ingest``."""

from maitred.settings import load

__all__ = ["ingest"]

DEFAULT_PORT = 8081


def ingest() -> None:
    """Run the service that takes events alone, until told to stop."""
    from services.web.launcher import run  # noqa: PLC0415  # uvicorn, only when it serves

    settings = load()
    port = DEFAULT_PORT if settings.ingest_port is None else settings.ingest_port
    run("services.ingest.app:create", host=settings.host, port=port, state_dir=settings.state_dir)
