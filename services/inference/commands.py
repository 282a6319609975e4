"""``maitred serve``."""

from maitred.settings import load
from services.inference.policies import load_policies

__all__ = ["serve"]

DEFAULT_PORT = 8080


def serve() -> None:
    """Run the inference service alone, until told to stop."""
    from services.web.launcher import run  # noqa: PLC0415  # uvicorn, only when it serves

    settings = load()
    load_policies(settings.policies)  # refused here, where people read it, not in every worker
    port = DEFAULT_PORT if settings.inference_port is None else settings.inference_port
    run(
        "services.inference.app:create",
        host=settings.host,
        port=port,
        workers=settings.workers,
        state_dir=settings.state_dir,
    )
