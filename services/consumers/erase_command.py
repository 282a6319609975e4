"""``maitred erase``: asks for it at ingest's door, and may wait until every reader of the log has done it."""

from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console

from maitred import archive
from maitred.client.addresses import find_admin_key, with_servers
from maitred.clock import Clock, SystemClock
from maitred.erasure import erasure_key
from maitred.errors import Refused, StoreUnavailable, UsageError
from maitred.ids import tombstone
from maitred.pseudonyms import Pseudonyms
from maitred.settings import Settings, load

__all__ = ["erase"]

_WITHIN_S = 10.0
_LOOK_S = 0.2
_REDIS_TIMEOUT_S = 2.0


def erase(
    user: Annotated[
        str, typer.Argument(metavar="USER", help="The diner's id, as clients send it.")
    ],
    *,
    wait: Annotated[
        bool, typer.Option("--wait", help="Return when Redis and the archive have forgotten.")
    ] = False,
    within: Annotated[
        float, typer.Option(help="Longest wait, in seconds.", min=0.0, metavar="SECONDS")
    ] = 60.0,
    url: Annotated[
        str | None, typer.Option("--url", help="Ingest; else the stack of MAITRED_STATE_DIR.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print ingest's reply.")] = False,
) -> None:
    """Have a diner forgotten: what is known of them from before is erased, wherever it lies.

    Returns when the wish is durable, and says what becomes of it when; with --wait, when it is done.
    Asking twice does no harm.
    """
    from maitred.client import Client, find_addresses  # noqa: PLC0415 - keeps --help fast
    from maitred.events import Traffic  # noqa: PLC0415

    settings = with_servers(load())
    where = find_addresses(settings, ingest=url)
    key = find_admin_key(settings)
    if wait:
        _require_archive(settings)
    with Client(
        where.inference, where.ingest, traffic=Traffic.LIVE, timeout_s=_WITHIN_S, admin_key=key
    ) as client:
        done = client.erase(user)
    if as_json:
        typer.echo(done.model_dump_json())
    else:
        typer.echo(f"{done.user} is to be forgotten, as of {done.asked_at.isoformat()}")
        for place in done.erased_from:
            typer.echo(f"  {place.place}: {place.when}")
        typer.echo(f"  log: Kafka drops the diner's events by {done.log_ages_out_by.isoformat()}")
        typer.echo(f"  dead letters: by {done.dead_letters_age_out_by.isoformat()}")
    if wait:
        _wait(settings, user, done.asked_at, within, SystemClock())
        typer.echo("forgotten in Redis and in the archive", err=as_json)
    elif not as_json:
        typer.echo("next: maitred events audit")


def _require_archive(settings: Settings) -> None:
    if not (settings.state_dir / "archive").is_dir():
        msg = f"there is no archive in {settings.state_dir} to wait for"
        raise UsageError(msg, next_step="run it where the archiver runs, or without --wait")


def _wait(settings: Settings, user: str, asked_at: datetime, within_s: float, clock: Clock) -> None:
    """Return when both readers of the log have met the erasure.

    Raises:
        Refused: one of them has not in time; it will when it comes to it.
    """
    stored = Pseudonyms.of(settings)(user)
    key = erasure_key(settings)
    claims = {"Redis": _redis_forgot, "the archive": _archive_forgot}
    until = clock.monotonic() + within_s
    with Console(stderr=True).status("waiting for Redis and the archive"):
        while waiting := [
            name for name, forgot in claims.items() if not forgot(settings, stored, key, asked_at)
        ]:
            if clock.monotonic() > until:
                msg = f"asked for and durable, but not done in {' and '.join(waiting)} yet"
                step = "nothing is to be repeated: docs/runbook.md, an erasure is stuck"
                raise Refused(msg, next_step=step)
            clock.sleep(_LOOK_S)


def _redis_forgot(settings: Settings, stored: str, key: str, asked_at: datetime) -> bool:
    from maitred.store.client import connect, redis_url  # noqa: PLC0415 - keeps --help fast
    from maitred.store.erasures import Erasures  # noqa: PLC0415
    from maitred.store.state import StateStore  # noqa: PLC0415

    at = asked_at.timestamp()
    try:
        with connect(redis_url(settings), timeout_s=_REDIS_TIMEOUT_S) as redis:
            known = Erasures(redis, key)
            buried_at = known.of([stored], known.shelves()).get(stored, 0.0)
            state = StateStore(redis).load([stored])[stored]
    except StoreUnavailable:
        return False
    return buried_at >= at and all(interaction.at > at for interaction in state.recent)


def _archive_forgot(settings: Settings, stored: str, key: str, asked_at: datetime) -> bool:
    buried_at = archive.erased(settings.state_dir / "archive").get(tombstone(stored, key))
    return buried_at is not None and buried_at >= asked_at
