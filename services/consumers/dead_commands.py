"""``maitred events dead …``: see what could not be used, and put it back after a fix."""

import json
from typing import Annotated

import typer

from maitred.client.addresses import with_servers
from maitred.clock import SystemClock
from maitred.errors import NotFound, UsageError
from maitred.settings import load

__all__ = ["dead"]

dead = typer.Typer(no_args_is_help=True, help="Records that could not be used.")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@dead.command("list")
def list_dead(
    *,
    every: Annotated[
        bool, typer.Option("--all", help="Those too that were put back; `state` tells.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List dead letters that wait, oldest first."""
    from rich import print as show  # noqa: PLC0415

    from services.consumers.audit import letters, letters_table, summary  # noqa: PLC0415

    found = [
        x for x in letters(with_servers(load()), SystemClock()) if every or x.state == "waiting"
    ]
    if as_json:
        for letter in found:
            typer.echo(json.dumps(summary(letter)))
    else:
        show(letters_table(found))


@dead.command()
def show(
    name: Annotated[str, typer.Argument(help="Its name in the list: partition-offset.")],
) -> None:
    """Print one dead letter: why and from where on stderr, its bytes on stdout."""
    from services.consumers.audit import letters, summary  # noqa: PLC0415

    for letter in letters(with_servers(load()), SystemClock()):
        if letter.name == name:
            typer.echo(json.dumps(summary(letter)), err=True)
            typer.echo(letter.value.decode(errors="backslashreplace"))
            return
    raise _unknown([name])


@dead.command()
def retry(
    names: Annotated[
        list[str] | None, typer.Argument(help="Names in the list: partition-offset …")
    ] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="All that wait.")] = False,
    reason: Annotated[
        str | None, typer.Option(help="With --all: only those whose reason contains this text.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Put dead letters back into the log, after what was wrong is mended; each goes there once.

    One that fails again is a dead letter again, under a new name, and `retries` counts.
    """
    from services.consumers.deps import open_revival  # noqa: PLC0415  # Kafka's client

    if bool(names) == every or (reason is not None and not every):
        msg = "either name letters, or say --all, perhaps with --reason"
        raise UsageError(msg, next_step="maitred events dead list shows the names")
    settings = with_servers(load())
    with open_revival(settings, SystemClock()) as revival:
        register = revival.register()
        known = {letter.name for letter in register.letters}
        if unknown := [name for name in names or () if name not in known]:
            raise _unknown(unknown)
        chosen = [
            letter
            for letter in register.letters
            if (every and (reason or "") in letter.reason) or letter.name in (names or ())
        ]
        count = revival.put_back(chosen, register)
    before = len(chosen) - count
    if as_json:
        typer.echo(json.dumps({"put_back": count, "were_back": before}))
    else:
        typer.echo(f"{count} dead letters are back in {settings.events_topic}")
        if before and not every:
            typer.echo(f"{before} were back already")


def _unknown(names: list[str]) -> NotFound:
    return NotFound(
        f"there is no dead letter {', '.join(names)}", next_step="maitred events dead list --all"
    )
