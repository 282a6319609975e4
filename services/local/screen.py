"""The stack on a terminal: tables for people; scripts read ``status --json``."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from services.local.folder import StackFolder
from services.local.reload import Reloaded
from services.local.status import StackStatus, read_status

__all__ = ["announce", "patience", "show_reloaded", "show_status"]

_MIB: Final = 1024**2
_COLOURS: Final = {"running": "green", "degraded": "yellow", "stopped": "red"}


@contextmanager
def patience(what: str) -> Iterator[None]:
    """Say what is waited for while the context lasts; nothing where there is no terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(what):
        yield


def show_status(status: StackStatus, console: Console | None = None) -> None:
    """Print every service with its address, health and memory, and which models serve."""
    console = console or Console(highlight=False)
    state = status["state"]
    console.print(f"[{_COLOURS[state]}]{state}[/] on {escape(status['state_dir'])}")
    if state == "stopped":
        console.print(f"start it with: maitred up --state {status['state_dir']}", markup=False)
        return
    table = Table("service", "address", "health", "pids", "MiB", box=None, pad_edge=False)
    for name, service in status["services"].items():
        well = "[green]healthy[/]" if service["healthy"] else "[red]unhealthy[/]"
        table.add_row(
            name,
            escape(service["url"] or ""),
            f"{well} (external)" if service["external"] else well,
            " ".join(map(str, service["pids"])),
            f"{service['rss_bytes'] / _MIB:.0f}" if service["pids"] else "",
        )
    console.print(table)
    models = (f"{objective} {version or 'none'}" for objective, version in status["models"].items())
    console.print(f"models: {', '.join(models)}")


def announce(folder: StackFolder, *, how_to_stop: str) -> None:
    """Print where everything is and how to stop it; without a model, how to get one."""
    console = Console(highlight=False, soft_wrap=True)
    status = read_status(folder)
    show_status(status, console)
    record = folder.read()
    for notice in record.notices if record else ():
        console.print(f"note: {notice}", markup=False)
    console.print(f"logs: {folder.root / 'logs'}", markup=False)
    if (key := folder.root / "admin.key").exists():
        console.print(f"admin key: {key}", markup=False)
    console.print(f"stop: {how_to_stop}", markup=False)
    if not any(status["models"].values()):
        console.print(_first_model(status), markup=False)


def show_reloaded(done: Reloaded) -> None:
    """Print which processes gave way to which."""
    console = Console(highlight=False)
    console.print(f"inference (pid {done.master}) restarted its processes in {done.seconds:.1f} s")
    console.print(f"workers: {_pids(done.old_workers)} gave way to {_pids(done.new_workers)}")
    for name, pid in done.companions.items():
        console.print(f"{name}: {pid}")


def _pids(pids: tuple[int, ...]) -> str:
    return " ".join(map(str, pids))


def _first_model(status: StackStatus) -> str:
    redis = status["services"]["valkey"]["url"]
    return f"""
No model yet: every reply comes from the lowest rung. Train and publish one:
  export MAITRED_REDIS_URL={redis}
  maitred data fetch entree --out data/entree
  maitred train --data data/entree --objective clicks --out runs/clicks
  maitred models publish runs/clicks
  maitred models promote VERSION    (publish prints it)
The same with --objective revenue gives the second recommender."""
