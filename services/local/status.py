"""What runs, where, and is it healthy: asked of the servers now, not read from what was once true.

The JSON form is a contract: scripts, tests, the console and the demo read it.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypedDict

from maitred.errors import StackRefused, UsageError
from services.local.folder import Entry, Record, StackFolder
from services.local.probes import fetch_json
from services.local.processes import is_alive, resident_bytes

__all__ = ["ServiceStatus", "StackStatus", "read_status", "url_of"]

_OBJECTIVES: Final = ("clicks", "revenue")


class ServiceStatus(TypedDict):
    """One service; ``pids`` and ``rss_bytes`` cover its process and all its descendants."""

    url: str | None
    port: int | None
    pids: list[int]
    healthy: bool
    external: bool
    rss_bytes: int
    metrics_url: str | None
    log: str | None


class StackStatus(TypedDict):
    """The whole stack; ``state`` is running, degraded or stopped."""

    schema: int
    state: str
    state_dir: str
    services: dict[str, ServiceStatus]
    models: dict[str, str | None]


def read_status(folder: StackFolder) -> StackStatus:
    """Ask every service of the folder's stack; takes about as long as the slowest answer."""
    record = folder.read()
    services: dict[str, ServiceStatus] = {}
    if record is not None:
        with ThreadPoolExecutor(max(1, len(record.services))) as pool:
            answers = pool.map(_service, record.services.values())
            services = dict(zip(record.services, answers, strict=True))
        services["supervisor"] = _supervisor(record, folder)
    return StackStatus(
        schema=1,
        state=_state(record, services),
        state_dir=str(folder.root),
        services=services,
        models=_models(record),
    )


def url_of(status: StackStatus, name: str) -> str:
    """Return the URL of one service.

    Raises:
        UsageError: no service of that name has a URL.
        StackRefused: the stack does not run.
    """
    if status["state"] == "stopped":
        msg = f"no stack runs on {status['state_dir']}"
        raise StackRefused(msg, next_step=f"maitred up --state {status['state_dir']}")
    urls = {n: service["url"] for n, service in status["services"].items() if service["url"]}
    if name not in urls:
        msg = f"there is no service '{name}'; there are {', '.join(urls)}"
        raise UsageError(msg)
    return str(urls[name])


def _service(entry: Entry) -> ServiceStatus:
    identity = entry.identity
    runs = identity is not None and is_alive(identity)
    pids, resident = resident_bytes(identity.pid) if identity is not None and runs else ([], 0)
    return ServiceStatus(
        url=entry.url,
        port=entry.port,
        pids=pids,
        healthy=(runs or entry.external) and entry.probe() is None,
        external=entry.external,
        rss_bytes=resident,
        metrics_url=entry.metrics_url,
        log=entry.log,
    )


def _supervisor(record: Record, folder: StackFolder) -> ServiceStatus:
    runs = is_alive(record.supervisor) and folder.is_held()
    resident = resident_bytes(record.supervisor.pid, alone=True)[1] if runs else 0
    return ServiceStatus(
        url=None,
        port=None,
        pids=[record.supervisor.pid] if runs else [],
        healthy=runs,
        external=False,
        rss_bytes=resident,
        metrics_url=None,
        log=str(folder.log("supervisor")),
    )


def _state(record: Record | None, services: dict[str, ServiceStatus]) -> str:
    if record is None or not any(service["pids"] for service in services.values()):
        return "stopped"
    well = record.phase == "running" and all(service["healthy"] for service in services.values())
    return "running" if well else "degraded"


def _models(record: Record | None) -> dict[str, str | None]:
    inference = record.services.get("inference") if record else None
    ready = fetch_json(inference.probe_target) if inference and inference.pid else None
    named = (ready or {}).get("models")
    versions = named if isinstance(named, dict) else {}
    return {name: str(versions[name]) if versions.get(name) else None for name in _OBJECTIVES}
