"""The door of every command: finds subcommands, loads the one asked for, turns errors into exit codes.

Subcommands are entry points of the group ``maitred.commands``; their modules are imported when they
are called, never for ``maitred --help``. Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 130
Ctrl-C. No command's own logic belongs here.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points, version
from typing import Annotated, Any, Final, NoReturn

import typer
from typer.core import TyperGroup
from typing_extensions import override

from maitred.errors import MaitredError, Refused

__all__ = ["build", "main", "report", "reporting"]

GROUP: Final = "maitred.commands"
_INTERRUPTED: Final = 130
_OUR_PACKAGES: Final = ("maitred", "services", "training")


@dataclass(frozen=True, slots=True)
class _Summary:
    """What ``--help`` says of a command, and the extra that installs what it needs."""

    line: str
    panel: str
    extra: str


_LEARN, _RUN, _OBSERVE = "Data and models", "The running system", "What diners did and would do"

_SUMMARIES: Final = {
    "data": _Summary("Fetch, make, import, validate and split data sets.", _LEARN, "train"),
    "train": _Summary("Fit a recommender for clicks or for revenue.", _LEARN, "train"),
    "evaluate": _Summary("Measure a run on held-out choices.", _LEARN, "train"),
    "recommend": _Summary("Recommend off-line for a list of diners.", _LEARN, "train"),
    "tradeoff": _Summary("What one more point of revenue costs in clicks.", _LEARN, "train"),
    "models": _Summary("List, publish, promote and roll back models.", _LEARN, "train"),
    "up": _Summary("Start the whole stack on this machine.", _RUN, "local"),
    "down": _Summary("Stop it; what it knows stays.", _RUN, "local"),
    "status": _Summary("What runs, where, and is it healthy?", _RUN, "local"),
    "reload": _Summary("Restart inference's processes, failing no request.", _RUN, "local"),
    "demo": _Summary("The main job, start to finish, with a report.", _RUN, "local"),
    "serve": _Summary("Run the inference service alone.", _RUN, "serve"),
    "ingest": _Summary("Run the service that takes events alone.", _RUN, "serve"),
    "console": _Summary("Run the console alone.", _RUN, "console"),
    "catalogue": _Summary("Write and show restaurants of a running service.", _RUN, "train"),
    "consume": _Summary("Run one consumer of events alone.", _RUN, "archive"),
    "events": _Summary("Audit, repair and replay events.", _OBSERVE, "archive"),
    "erase": _Summary("Have a diner forgotten, everywhere.", _OBSERVE, "serve"),
    "simulate": _Summary("Diners as a closed loop, or a real log replayed.", _OBSERVE, "serve"),
    "compare": _Summary("The same diners under each objective.", _OBSERVE, "serve"),
}


class LazyCommands(TyperGroup):
    """A group whose members are stand-ins for ``--help`` until one of them is called."""

    @override
    def resolve_command(
        self,
        ctx: Any,  # typer keeps its own copy of click, whose types are private
        args: list[str],
    ) -> tuple[str | None, Any, list[str]]:
        """Replace the stand-in by the real command; names nobody knows are refused with near ones."""
        name, stand_in, rest = super().resolve_command(ctx, args)
        if name is None or stand_in is None:
            return name, stand_in, rest
        return name, _load(ctx.obj[name]), rest

    @override
    def invoke(self, ctx: Any) -> Any:
        """Run the command; our errors and Ctrl-C become a message and an exit code."""
        with reporting():
            return super().invoke(ctx)


def build(declared: Mapping[str, EntryPoint] | None = None) -> typer.Typer:
    """Return the application with a stand-in for each declared subcommand.

    Unless given, subcommands are the installed entry points.
    """
    points = _installed() if declared is None else dict(declared)
    app = typer.Typer(
        name="maitred",
        cls=LazyCommands,
        help="A restaurant recommender: train for clicks or for revenue, serve inside 100 ms.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "obj": points},
    )
    app.callback()(_options)
    for name in (*(n for n in _SUMMARIES if n in points), *sorted(points.keys() - _SUMMARIES)):
        known = _SUMMARIES.get(name)
        line = known.line if known else f"Provided by {points[name].module}."
        app.command(name, help=line, rich_help_panel=known.panel if known else None)(_stand_in)
    return app


def main() -> NoReturn:
    """Run the command line and leave with its exit code."""
    build()()
    sys.exit(0)


@contextmanager
def reporting() -> Iterator[None]:
    """Turn an error of ours, or Ctrl-C, into a message on standard error and the exit code."""
    try:
        yield
    except MaitredError as error:
        report(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        typer.echo("maitred: interrupted", err=True)
        sys.exit(_INTERRUPTED)


def report(error: MaitredError) -> None:
    """Print an error for a person to standard error: what, which inputs, and what to do next."""
    message = str(error)
    typer.echo(f"maitred: {message}", err=True)
    for name, reason in error.fields:
        if not (name in message and reason in message):
            typer.echo(f"  {name}: {reason}", err=True)
    if error.next_step:
        typer.echo(f"next: {error.next_step}", err=True)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it with the option's value
    if wanted:
        typer.echo(f"maitred {version('maitred')}")
        raise typer.Exit


def _options(
    *,
    show_version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


def _stand_in() -> None:
    """Never runs: the real command takes its place when it is called."""


def _installed() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def _load(point: EntryPoint) -> Any:  # noqa: ANN401 - a command of typer's private click
    try:
        target = getattr(import_module(point.module), point.attr, None)
    except ModuleNotFoundError as error:
        raise _missing(point, error) from error
    if target is None:
        msg = f"'{point.name}' is not part of this installation: {point.module} has no {point.attr}"
        raise Refused(msg, next_step="`maitred --help` lists the commands")
    return typer.main.get_command(_as_app(point.name, target))


def _as_app(name: str, target: typer.Typer | Callable[..., object]) -> typer.Typer:
    if isinstance(target, typer.Typer):
        return target
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command(name)(target)
    return app


def _missing(point: EntryPoint, error: ModuleNotFoundError) -> Refused:
    absent = error.name or point.module
    if absent.partition(".")[0] in _OUR_PACKAGES:
        msg = f"'{point.name}' is not part of this installation: there is no {absent}"
        return Refused(msg, next_step="`maitred --help` lists the commands")
    known = _SUMMARIES.get(point.name)
    msg = f"'{point.name}' needs the package {absent}, which is not installed"
    return Refused(msg, next_step=f"pip install 'maitred[{known.extra if known else 'dev'}]'")
