"""``maitred catalogue``: write, take away and show restaurants of a running service."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["catalogue"]

catalogue = typer.Typer(
    help="Write, take away and show restaurants of a running service.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Url = Annotated[
    str | None, typer.Option("--url", help="Inference; else the stack of MAITRED_STATE_DIR.")
]


@catalogue.command()
def put(
    file: Annotated[Path, typer.Argument(help=".jsonl, .csv, .parquet, or a data set folder.")],
    *,
    url: Url = None,
    calls: Annotated[int, typer.Option("--calls", min=1, max=8, help="Calls at a time.")] = 1,
    start: Annotated[int, typer.Option("--start", min=1, help="First row to write.")] = 1,
) -> None:
    """Write every restaurant of a file, each whole; rows at fault are named and left out."""
    from training.bulk import running  # noqa: PLC0415 - keeps --help fast

    running.put(file, url, calls=calls, start=start)


@catalogue.command()
def delete(
    ids: Annotated[list[str], typer.Argument(help="Restaurants to take away.")], *, url: Url = None
) -> None:
    """Take restaurants away: they are not shown any more."""
    from training.bulk import running  # noqa: PLC0415

    running.delete(ids, url)


@catalogue.command()
def show(
    restaurant_id: Annotated[str, typer.Argument(help="Whose record to print.")], *, url: Url = None
) -> None:
    """Print what is now true of a restaurant, as JSON."""
    from training.bulk import running  # noqa: PLC0415

    running.show(restaurant_id, url)
