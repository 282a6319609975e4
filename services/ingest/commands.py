"""``maitred ingest`` and ``maitred erase``."""

from typing import Annotated

import typer

from maitred.errors import UsageError
from maitred.settings import Settings, load

__all__ = ["erase", "ingest"]

DEFAULT_PORT = 8081
_WITHIN_S = 10.0


def ingest() -> None:
    """Run the service that takes events alone, until told to stop: a master and a worker.

    SIGTERM or Ctrl-C to the master answers what was asked, then ends. SIGHUP starts a new worker
    and ends the old one once that is ready.
    """
    from services.web.launcher import run  # noqa: PLC0415  # only when it serves

    settings = load()
    port = DEFAULT_PORT if settings.ingest_port is None else settings.ingest_port
    run("ingest", "services.ingest.app:create", settings, port=port)


def erase(
    user: Annotated[
        str, typer.Argument(metavar="USER", help="The diner's id, as clients send it.")
    ],
    *,
    url: Annotated[
        str | None, typer.Option("--url", help="Ingest; else the stack of MAITRED_STATE_DIR.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print ingest's reply.")] = False,
) -> None:
    """Have a diner forgotten: what is known of them from before is erased, wherever it lies.

    Returns when the wish is durable, and says what becomes of it when. Asking twice does no harm.
    """
    from maitred.client import Client, find_addresses  # noqa: PLC0415 - keeps --help fast
    from maitred.events import Traffic  # noqa: PLC0415

    settings = load()
    where = find_addresses(settings, ingest=url)
    key = _admin_key(settings)
    with Client(
        where.inference, where.ingest, traffic=Traffic.LIVE, timeout_s=_WITHIN_S, admin_key=key
    ) as client:
        done = client.erase(user)
    if as_json:
        typer.echo(done.model_dump_json())
        return
    typer.echo(f"{done.user} is to be forgotten, as of {done.asked_at.isoformat()}")
    for place in done.erased_from:
        typer.echo(f"  {place.place}: {place.when}")
    typer.echo(f"  log: Kafka drops the diner's events by {done.log_ages_out_by.isoformat()}")
    typer.echo(f"  dead letters: by {done.dead_letters_age_out_by.isoformat()}")
    typer.echo("next: maitred events audit")


def _admin_key(settings: Settings) -> str:
    """Return the key of the settings, else of the state folder; none is made.

    Raises:
        UsageError: if there is neither.
    """
    if settings.admin_key is not None:
        return settings.admin_key.get_secret_value()
    path = settings.state_dir / "admin.key"
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError as error:
        msg = f"there is no admin key at {path}"
        raise UsageError(msg, next_step="set MAITRED_ADMIN_KEY or MAITRED_STATE_DIR") from error
