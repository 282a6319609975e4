"""What it takes to run one server or program, as a value; running it is server.py's work."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from services.local.probes import Probe

__all__ = ["Launch"]


@dataclass(frozen=True, slots=True)
class Launch:
    """One thing to start: how, and how to tell that it is ready.

    ``url`` is what a client is given (for Kafka: ``host:port``).
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path
    url: str
    port: int
    ready: Probe
    metrics_url: str | None = None
    ready_within_s: float = 30.0
    stop_within_s: float = 10.0
