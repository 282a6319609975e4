"""An inference service of a bench's own: one model in one database of a Redis, no Kafka, nothing else.

What it is asked must say ``preview``: there is nobody to take impressions.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil  # type: ignore[import-untyped]

from maitred.artifact import Verdict
from maitred.clock import Clock
from maitred.errors import Refused
from maitred.settings import child_environment
from maitred.store import models
from maitred.store.client import connect
from services.local.ports import free_port

__all__ = ["Service", "await_ready", "publish", "serving", "worker_pids"]

_START_S = 60.0
_NO_KAFKA = "127.0.0.1:1"


@dataclass(frozen=True, slots=True)
class Service:
    """Where it listens, the process that was started, and what it writes to."""

    url: str
    pid: int
    log: Path

    def versions(self) -> dict[str, str | None]:
        """Return what it serves."""
        reply = httpx.get(f"{self.url}/readyz", trust_env=False).json()
        return dict(reply["models"])

    def cpu_s(self) -> float:
        """Return the CPU seconds that it and its children have used so far."""
        root = psutil.Process(self.pid)
        used = [p.cpu_times() for p in (root, *root.children(recursive=True))]
        return float(sum(times.user + times.system for times in used))


def worker_pids(service: Service) -> list[int]:
    """Return the processes that have the models mapped."""
    root = psutil.Process(service.pid)
    return [
        p.pid
        for p in (root, *root.children(recursive=True))
        if any("catalogue_points" in m.path for m in p.memory_maps())
    ]


def publish(redis_url: str, folder: Path) -> str:
    """Publish a model folder and promote it, whatever is served; return its version."""
    with connect(redis_url, timeout_s=60.0) as redis:
        version = models.publish(redis, folder, _passed(None))
        champion = models.current(redis).clicks
        if champion != version:
            models.record_verdict(redis, version, _passed(champion))
            models.promote(redis, version)
    return version


def _passed(champion: str | None) -> Verdict:
    return Verdict(passed=True, champion=champion, checks=[])


@contextmanager
def serving(redis_url: str, state: Path, clock: Clock, *, workers: int = 1) -> Iterator[Service]:
    """Start the service on a free port, and end it.

    Raises:
        Refused: if it is not ready in a minute.
    """
    port = free_port()
    environment = child_environment(
        redis_url=redis_url,
        kafka_bootstrap=_NO_KAFKA,
        state_dir=state.absolute(),
        inference_port=port,
        workers=workers,
        log_level="WARNING",
    )
    state.mkdir(parents=True, exist_ok=True)
    path = state / "inference.log"
    with (
        path.open("w") as log,
        subprocess.Popen(  # our own program, no shell
            [sys.executable, "-m", "services.inference"], env=environment, stderr=log
        ) as process,
    ):
        try:
            service = Service(f"http://127.0.0.1:{port}", process.pid, path)
            await_ready(service.url, clock, next_step=f"see {path}")
            yield service
        finally:
            process.terminate()


def await_ready(url: str, clock: Clock, *, next_step: str) -> None:
    """Wait until a service of our own says that it can answer.

    Raises:
        Refused: if it does not in a minute.
    """
    until = clock.monotonic() + _START_S
    while clock.monotonic() < until:
        try:
            httpx.get(f"{url}/readyz", trust_env=False).raise_for_status()
        except httpx.HTTPError:
            clock.sleep(0.1)
        else:
            return
    msg = f"the bench's own service did not start at {url}"
    raise Refused(msg, next_step=next_step)
