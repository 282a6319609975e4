"""``maitred up``, ``down``, ``status``, ``reload``: the stack on this machine, for people and scripts."""

import signal
from pathlib import Path
from typing import Annotated

import typer

from maitred.clock import SystemClock
from maitred.settings import Settings, load

__all__ = ["demo", "down", "reload", "status", "up"]

StateDir = Annotated[
    Path | None,
    typer.Option("--state", help="Folder of the stack's state; else MAITRED_STATE_DIR."),
]


def up(
    *,
    state: StateDir = None,
    detach: Annotated[bool, typer.Option("--detach", help="Return once it is healthy.")] = False,
) -> None:
    """Start the whole stack on this machine: Valkey, Kafka and every program."""
    from services.local.deps import fetch_ahead  # noqa: PLC0415 - keeps --help fast
    from services.local.detached import start_detached  # noqa: PLC0415
    from services.local.folder import StackFolder  # noqa: PLC0415
    from services.local.foreground import supervise  # noqa: PLC0415
    from services.local.screen import announce, patience  # noqa: PLC0415

    settings = _settings(state)
    folder = StackFolder.at(settings.state_dir)
    if detach:
        fetch_ahead(settings)
        with patience("starting Valkey, Kafka and our programs"):
            start_detached(settings, folder, SystemClock())
        announce(folder, how_to_stop=f"maitred down --state {folder.root}")
        return
    ended_by = supervise(
        settings, to_screen=True, when_ready=lambda _: announce(folder, how_to_stop="Ctrl-C")
    )
    if ended_by == signal.SIGINT:
        raise KeyboardInterrupt


def demo(
    *,
    home: Annotated[Path, typer.Option("--home", help="Folder of the demo; wiped first.")] = Path(
        ".maitred/demo"
    ),
) -> None:
    """Run the whole system once, start to finish, on real data; print a card per stakeholder."""
    from rich.console import Console  # noqa: PLC0415 - keeps --help fast

    from services.local.demo import cards  # noqa: PLC0415
    from services.local.demo.story import tell  # noqa: PLC0415

    console = Console()
    report = tell(load(), SystemClock(), console, home)
    cards.show(report, console)
    console.print(f"report: {home / 'report.md'}, {home / 'report.json'}, {home / 'report.html'}")
    console.print(f"serve what it left: maitred up --state {home / 'stack'}", markup=False)


def down(*, state: StateDir = None) -> None:
    """Stop the stack and wait until no process is left; what it knows stays."""
    from services.local.detached import take_down  # noqa: PLC0415 - keeps --help fast
    from services.local.folder import StackFolder  # noqa: PLC0415
    from services.local.screen import patience  # noqa: PLC0415

    folder = StackFolder.at(_settings(state).state_dir)
    with patience("stopping"):
        ended = take_down(folder, SystemClock())
    typer.echo(f"stopped: {', '.join(ended)}" if ended else f"nothing runs on {folder.root}")


def status(
    *,
    state: StateDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
    url: Annotated[str | None, typer.Option(help="Print the URL of one service only.")] = None,
) -> None:
    """Show what runs, where, and whether it is healthy (exit code 0 when all of it is)."""
    import json  # noqa: PLC0415 - keeps --help fast

    from services.local.folder import StackFolder  # noqa: PLC0415
    from services.local.screen import show_status  # noqa: PLC0415
    from services.local.status import read_status, url_of  # noqa: PLC0415

    now = read_status(StackFolder.at(_settings(state).state_dir))
    if url is not None:
        typer.echo(url_of(now, url))
        return
    if as_json:
        typer.echo(json.dumps(now, indent=1))
    else:
        show_status(now)
    if now["state"] != "running":
        raise typer.Exit(1)


def reload(
    *,
    state: StateDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Restart the inference service's processes one at a time, without failing a request.

    Each new worker is ready before the old one goes; code on disk is read anew, the stack's
    settings stay. Returns when no old process is left.
    """
    import json  # noqa: PLC0415 - keeps --help fast
    from dataclasses import asdict  # noqa: PLC0415

    from services.local.folder import StackFolder  # noqa: PLC0415
    from services.local.reload import reload_inference  # noqa: PLC0415
    from services.local.screen import patience, show_reloaded  # noqa: PLC0415

    with patience("restarting, one process at a time"):
        done = reload_inference(StackFolder.at(_settings(state).state_dir), SystemClock())
    if as_json:
        typer.echo(json.dumps(asdict(done), indent=1))
    else:
        show_reloaded(done)


def _settings(state: Path | None) -> Settings:
    settings = load()
    return settings if state is None else settings.model_copy(update={"state_dir": state})
