"""``maitred consume …`` and ``maitred events …``."""

import json
import signal
from pathlib import Path
from typing import Annotated, Literal

import typer

from maitred.client.addresses import with_servers
from maitred.clock import SystemClock
from maitred.erasure import erasure_key
from maitred.errors import Refused, UsageError
from maitred.heap import settle
from maitred.observability import configure_logging
from maitred.priority import BACKGROUND, give_way
from maitred.settings import load
from services.consumers.archive_commands import attribute, rebuild
from services.consumers.dead_commands import dead

__all__ = ["consume", "events"]

events = typer.Typer(
    no_args_is_help=True,
    help="Audit, rebuild and read the archive of events; make diner states anew; dead letters.",
)
events.add_typer(dead, name="dead")
events.command()(attribute)
events.command()(rebuild)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def consume(
    which: Annotated[
        Literal["features", "archive", "retrain"], typer.Argument(help="Which consumer.")
    ],
) -> None:
    """Run one consumer of events alone, until told to stop."""
    from services.consumers.deps import open_runner  # noqa: PLC0415  # Kafka's client and pyarrow

    settings = load()
    configure_logging(settings.log_level)
    if which != "features":  # a diner's next request waits for features, nobody for the others
        give_way(BACKGROUND)
    with open_runner(which, settings, SystemClock()) as runner:
        settle()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: runner.stop())
        runner.run()


@events.command()
def audit(
    ids: Annotated[
        Path | None,
        typer.Option(help="File with an accepted event id a line: are they all there, once?"),
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Count what the archive holds; exit 1 if an event is missing or stands there twice.

    Ids whose diners were erased are listed apart: they are not missing. Then it says how it adds up: what
    became of what was read from the log, and what is on the way.
    """
    from rich import print as show  # noqa: PLC0415

    from services.consumers.audit import audit_archive  # noqa: PLC0415  # pyarrow
    from services.consumers.balance import balance_of  # noqa: PLC0415
    from services.consumers.deps import archive_folder  # noqa: PLC0415

    settings = load()
    key = erasure_key(settings) if ids else ""
    found = audit_archive(archive_folder(settings), _lines(ids) if ids else None, key=key)
    sums = balance_of(settings)
    if as_json:
        typer.echo(json.dumps(found.as_dict() | {"balance": sums.as_dict()}, indent=2))
    else:
        show(found.as_table())
        typer.echo(sums.as_lines())
    if not found.is_sound:
        msg = f"{len(found.missing)} events are missing, {found.repeated} rows stand there twice"
        raise Refused(msg, next_step="docs/runbook.md: the audit does not balance")


@events.command()
def replay(
    *,
    source: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="archive|log|TIME",
            help="Read all there is; only what the log keeps; or what occurred since a time.",
        ),
    ] = "archive",
    as_json: Json = False,
) -> None:
    """Make diner states anew from the archive and the log, then serve them, all at once.

    Serving and consuming go on. Until the switch at the end nothing changes: Ctrl-C is safe.
    """
    from services.consumers.deps import open_replay  # noqa: PLC0415  # Kafka's client and pyarrow
    from services.consumers.replay import Source  # noqa: PLC0415
    from services.consumers.screen import reading  # noqa: PLC0415

    wanted = Source.named(source)
    with open_replay(with_servers(load()), SystemClock()) as work, reading() as progress:
        give_way(BACKGROUND)
        done = work.run(wanted, progress)
    if as_json:
        typer.echo(json.dumps(done.as_dict(), indent=2))
    else:
        typer.echo(
            f"{done.from_archive:,} events of the archive and {done.from_log:,} of the log made "
            f"states of {done.diners:,} diners in {done.seconds:.1f} s; space {done.space} is served"
        )


def _lines(file: Path) -> list[str]:
    try:
        return [line.strip() for line in file.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        msg = f"cannot read ids from {file}: {error}"
        raise UsageError(msg) from error
