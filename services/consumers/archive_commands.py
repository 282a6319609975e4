"""``maitred events attribute`` and ``rebuild``: commands that go through the whole archive."""

import json
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from maitred.client.addresses import with_servers
from maitred.clock import SystemClock
from maitred.errors import Refused, UsageError
from maitred.events import Traffic
from maitred.settings import load

__all__ = ["attribute", "rebuild"]

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_COUNTS = (
    "impressions", "shown",
    "clicks", "clicks_by_request", "clicks_by_window", "clicks_unattributed",
    "orders", "orders_by_request", "orders_by_window", "orders_unattributed",
    "changed", "assumed", "without_consent",
)  # fmt: skip


def attribute(
    out: Annotated[Path, typer.Option("--out", help="Parquet file to write.")],
    *,
    traffic: Annotated[
        str, typer.Option(help="Kinds of traffic to read, comma-separated.")
    ] = "live",
    since: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"],
            help="Only what was shown and done then or later; UTC unless it has an offset.",
        ),
    ] = None,
    window: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Hours after an impression in which it may have led to an event that names no "
            "request; default MAITRED_ATTRIBUTION_HOURS.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write what came of each shown restaurant, and what led to each click and order.

    Columns: docs/events.md, "What came of what was shown".
    """
    from rich import print as show  # noqa: PLC0415

    from maitred import archive  # noqa: PLC0415
    from maitred.archive import attribution  # noqa: PLC0415  # pyarrow
    from services.consumers.deps import archive_folder  # noqa: PLC0415
    from services.consumers.screen import bars, figures  # noqa: PLC0415

    settings = load()
    kinds = _kinds(traffic)
    if not out.parent.is_dir():
        msg = f"--out: there is no folder {out.parent}"
        raise UsageError(msg, next_step="make it, or name another file")
    hours = settings.attribution_hours if window is None else window
    moment = since if since is None or since.tzinfo else since.replace(tzinfo=UTC)
    rule = attribution.Rule(timedelta(hours=hours), settings.commission_rate, kinds, moment)
    folder = archive_folder(settings)
    with bars() as begin:
        advance = begin("reading", archive.count(folder, traffic=kinds))
        found = attribution.attribute(folder, out, rule, advance=advance)
    counts = {name: found.counts[name] for name in _COUNTS}
    if as_json:
        typer.echo(json.dumps({"schema": 1, "out": str(out), "window_hours": hours, **counts}))
    else:
        show(figures(f"{out}: attributed within {hours:g} h", counts))


def rebuild(
    out: Annotated[Path, typer.Argument(help="Folder to make; it must not exist.")],
    *,
    as_json: Json = False,
) -> None:
    """Make the archive anew in OUT from what the log holds, and compare the present one with it.

    Exit 1 when the archive misses an event that the log has, or an event differs. What only the
    archive has is older than the log's retention.
    """
    from rich import print as show  # noqa: PLC0415

    from services.consumers import rebuild as rebuilding  # noqa: PLC0415  # pyarrow
    from services.consumers.deps import archive_folder, rebuild_reader  # noqa: PLC0415
    from services.consumers.screen import bars, figures  # noqa: PLC0415

    settings, clock = with_servers(load()), SystemClock()
    reader = rebuild_reader(settings, clock)
    try:
        with bars() as begin:
            found = rebuilding.rebuild(
                settings, archive_folder(settings), out, reader, clock=clock,
                reading=partial(begin, "reading the log"), comparing=partial(begin, "comparing"),
            )  # fmt: skip
    finally:
        reader.close()
    told = found.as_dict()
    if as_json:
        typer.echo(json.dumps(told, indent=2))
    else:
        whole = {name: n for name, n in told.items() if type(n) is int and name != "schema"}
        show(figures(f"the archive and {out}, made from the log", whole))
        for example in found.examples:
            typer.echo(f"  {example['event_id']}: {example['fault']}")
    if not found.is_sound:
        msg = f"{found.only_log} events of the log are missing in the archive, {found.differing} differ"
        raise Refused(msg, next_step="docs/runbook.md: the archive is lost or damaged")


def _kinds(traffic: str) -> frozenset[str]:
    names = frozenset(kind.strip() for kind in traffic.split(","))
    known = {kind.value for kind in Traffic}
    if names <= known:
        return names
    unknown = ", ".join(sorted(names - known)) or "nothing"
    msg = f"--traffic: {unknown} is no kind of traffic"
    raise UsageError(msg, next_step=f"name some of {', '.join(sorted(known))}")
