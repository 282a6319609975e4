"""What ``maitred catalogue`` does: find the service and its key, do it, print what became of it."""

from pathlib import Path

import orjson

from maitred.client.addresses import find_addresses, find_admin_key
from maitred.errors import Refused
from training.bulk.rows import read_rows
from training.bulk.upload import Door
from training.dataset.deps import Dependencies, dependencies
from training.dataset.screen import progress_bar

__all__ = ["delete", "put", "show"]

_PRINTED = 20


def put(file: Path, url: str | None, *, calls: int, start: int) -> None:
    """See ``maitred catalogue put``.

    Raises:
        Refused: if rows were left out; after all others are written.
        Unavailable, Unauthorised: if the service is away or wants another key; what became of
            the rows until then is printed, and the first that was not written is named.
    """
    deps = dependencies()
    rows = [row for row in read_rows(file) if row[0] >= start]
    with (
        _door(deps, url) as door,
        progress_bar(deps.progress, "restaurants", len(rows)) as bar,
    ):
        done = door.put(rows, calls=calls, advance=bar.by)
    deps.out.print(f"{done.created:,} created, {done.replaced:,} replaced", markup=False)
    for fault in done.faults[:_PRINTED]:
        name = f"{fault.field}: " if fault.field else ""
        deps.out.print(f"row {fault.row}: {name}{fault.reason}", markup=False)
    if done.stop:
        raise done.stop.error
    if done.faults:
        count = len({fault.row for fault in done.faults})
        msg = f"{count} of {len(rows)} rows are at fault and were left out"
        raise Refused(msg, next_step="correct them and write the file again: that does no harm")


def delete(ids: list[str], url: str | None) -> None:
    """See ``maitred catalogue delete``."""
    deps = dependencies()
    with _door(deps, url) as door:
        for restaurant_id in ids:
            door.delete(restaurant_id)
            deps.out.print(f"{restaurant_id} is taken away", markup=False)


def show(restaurant_id: str, url: str | None) -> None:
    """See ``maitred catalogue show``."""
    deps = dependencies()
    with _door(deps, url) as door:
        found = door.show(restaurant_id)
    deps.out.print(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode(), markup=False)


def _door(deps: Dependencies, url: str | None) -> Door:
    address = find_addresses(deps.settings, inference=url).inference
    return Door(address, find_admin_key(deps.settings), deps.clock)
