"""What `maitred events` shows people: progress on stderr, tables on stdout."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

__all__ = ["bars", "figures", "reading"]

Advance = Callable[[int], None]


@contextmanager
def bars() -> Iterator[Callable[[str, int], Advance]]:
    """Show bars on stderr, where that is a terminal; give what begins one by its name and total."""
    with _progress() as progress:

        def begin(name: str, total: int) -> Advance:
            task = progress.add_task(name, total=total)
            return lambda done: progress.advance(task, done)

        yield begin


@contextmanager
def reading() -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar for each thing that is read; give what is told (its name, how much, how far)."""
    tasks: dict[str, TaskID] = {}
    with _progress() as progress:

        def tell(name: str, total: int, read: int) -> None:
            if name not in tasks:
                tasks[name] = progress.add_task(name, total=total)
            progress.update(tasks[name], total=total, completed=read)

        yield tell


def _progress() -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def figures(title: str, found: Mapping[str, int]) -> Table:
    """Return counts by name as a table."""
    table = Table("what", "events", title=title)
    for name, count in found.items():
        table.add_row(name.replace("_", " "), f"{count:,}")
    return table
