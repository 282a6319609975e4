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


def _progress() -> Progress:
    """Return bars on stderr, silent where that is no terminal."""
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


@contextmanager
def bars() -> Iterator[Callable[[str, int], Advance]]:
    """Give what begins a bar by its name and total, and returns what moves it on by so many."""
    with _progress() as progress:

        def begin(name: str, total: int) -> Advance:
            task = progress.add_task(name, total=total)
            return lambda done: progress.advance(task, done)

        yield begin


@contextmanager
def reading() -> Iterator[Callable[[str, int, int], None]]:
    """Give what is told what is read, how much there is and how much was read: a bar for each."""
    known: dict[str, TaskID] = {}
    with _progress() as progress:

        def tell(name: str, total: int, read: int) -> None:
            if name not in known:
                known[name] = progress.add_task(name, total=total)
            progress.update(known[name], total=total, completed=read)

        yield tell


def figures(title: str, found: Mapping[str, int]) -> Table:
    """Return counts by name as a table."""
    table = Table("what", "events", title=title)
    for name, count in found.items():
        table.add_row(name.replace("_", " "), f"{count:,}")
    return table
