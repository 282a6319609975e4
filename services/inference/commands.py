"""``maitred serve``."""

import sys

from maitred.priority import behind
from maitred.settings import load
from services.inference.policies import load_policies

__all__ = ["serve"]

DEFAULT_PORT = 8080
RELAY_STOPS_WITHIN_S = 6.0
"""Two seconds for what waits in the kernel, three for Kafka or the spool."""


def serve() -> None:
    """Run the inference service alone, until told to stop: a master and MAITRED_WORKERS workers.

    SIGTERM or Ctrl-C to the master answers what was asked, then ends; a second one is less patient.

    SIGHUP to the master is a rolling restart: one worker at a time, each new one ready before the
    old one goes, so that no request fails. `maitred reload` does it for the stack on this machine.

    The settings are environment variables: docs/settings.md.
    """
    from services.web.companion import Companion  # noqa: PLC0415  # only when it serves
    from services.web.launcher import run  # noqa: PLC0415

    settings = load()
    load_policies(settings.policies)  # refused here, where people read it, not in every worker
    port = DEFAULT_PORT if settings.inference_port is None else settings.inference_port
    run(
        "inference",
        "services.inference.app:create",
        settings,
        port=port,
        workers=settings.workers,
        pinned=settings.pin_workers,
        companions=(
            Companion(
                "relay",
                behind((sys.executable, "-m", "services.inference.relay")),
                inbox="impressions_fd",
                stop_within_s=RELAY_STOPS_WITHIN_S,
            ),
        ),
    )
