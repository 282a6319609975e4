"""What `maitred events` shows people: progress on stderr, tables on stdout."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

__all__ = ["bars", "figures"]

Advance = Callable[[int], None]


@contextmanager
def bars() -> Iterator[Callable[[str, int], Advance]]:
    """Show bars on stderr, where that is a terminal; give what begins one by its name and total."""
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:

        def begin(name: str, total: int) -> Advance:
            task = progress.add_task(name, total=total)
            return lambda done: progress.advance(task, done)

        yield begin


def figures(title: str, found: Mapping[str, int]) -> Table:
    """Return counts by name as a table."""
    table = Table("what", "events", title=title)
    for name, count in found.items():
        table.add_row(name.replace("_", " "), f"{count:,}")
    return table
