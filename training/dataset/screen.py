"""What the ``data`` commands print for people; scripts read the JSON instead."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table

from training.dataset.folder import DatasetMeta
from training.dataset.quarantine import Accounts, FileAccount
from training.dataset.split import Split
from training.dataset.validate import ValidationReport

__all__ = ["progress_bar", "show_accounts", "show_checks", "show_meta", "show_split"]

_REASONS = 3
_EXAMPLES = 3


@contextmanager
def progress_bar(console: Console, what: str, total: int | None = None) -> Iterator["Bar"]:
    """Show progress while the block runs; nothing when the console is no terminal."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    hidden = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden) as progress:
        yield Bar(progress, what, total)


class Bar:
    """One bar; its methods fit the ``advance`` arguments of readers and simulations."""

    def __init__(self, progress: Progress, what: str, total: int | None) -> None:
        self._progress = progress
        self._task = progress.add_task(what, total=total)

    def named(self, name: str) -> None:
        """Say what is being worked on now, and count it."""
        self._progress.update(self._task, description=name, advance=1)

    def by(self, amount: int) -> None:
        """Count this many more."""
        self._progress.update(self._task, advance=amount)

    def at(self, place: int) -> None:
        """Count up to here."""
        self._progress.update(self._task, completed=place)


def show_accounts(console: Console, accounts: Accounts) -> None:
    """Print what was read from each file and what became of it, with reasons and examples."""
    table = Table(box=None, pad_edge=False)
    for heading in ("file", "rows read", "kept", "quarantined", "duplicates"):
        table.add_column(heading, justify="left" if heading == "file" else "right")
    for account in accounts.files:
        table.add_row(
            escape(account.file),
            *(f"{n:,}" for n in (account.rows_read, account.kept, account.quarantined)),
            f"{account.duplicates:,}",
        )
    console.print(table)
    for account in accounts.files:
        _show_reasons(console, account)
    for note in accounts.notes:
        console.print(f"note: {note}", markup=False)


def _show_reasons(console: Console, account: FileAccount) -> None:
    for reason, count in account.reasons.most_common(_REASONS):
        examples = [r for r in account.rejections if r.reason == reason][:_EXAMPLES]
        shown = ", ".join(
            f"line {r.line}" + (f" ({r.detail})" if r.detail else "") for r in examples
        )
        console.print(f"  {account.file}: {reason}: {count:,}, such as {shown}", markup=False)
    more = len(account.reasons) - _REASONS
    if more > 0:
        console.print(f"  {account.file}: {more} more reasons in validation.json", markup=False)
    for column, count in sorted(account.blanked.items()):
        if count:
            text = f"  {account.file}: {count:,} unreadable {column} left empty"
            console.print(text, markup=False)


def show_meta(console: Console, meta: DatasetMeta, folder: str) -> None:
    """Print what a data set folder holds."""
    counts = meta.counts
    console.print(
        f"{folder}: {counts.events:,} events ({counts.orders:,} orders, {counts.clicks:,} clicks) "
        f"of {counts.users:,} diners, {counts.restaurants:,} restaurants",
        markup=False,
    )
    if meta.first_at:
        console.print(f"from {meta.first_at} to {meta.last_at}", markup=False)
    console.print(f"fingerprint {meta.fingerprint}", markup=False)


def show_checks(console: Console, report: ValidationReport) -> None:
    """Print every check and, of those that failed, why and examples."""
    table = Table(box=None, pad_edge=False)
    for heading in ("check", "level", "outcome", "rows"):
        table.add_column(heading, justify="right" if heading == "rows" else "left")
    for check in report.checks:
        colour = "green" if check.passed else {"error": "red", "warning": "yellow"}[check.level]
        outcome = "passed" if check.passed else "failed"
        rows = f"{check.count:,}" if check.count else ""
        table.add_row(check.name, check.level, f"[{colour}]{outcome}[/]", rows)
    console.print(table)
    for check in (*report.errors, *report.warnings):
        console.print(f"{check.level}: {check.name}: {check.message}", markup=False)
        if check.examples:
            console.print(f"  such as {', '.join(check.examples)}", markup=False)


def show_split(console: Console, parts: Split) -> None:
    """Print what was held out."""
    new, held = int(parts.is_new.sum()), len(parts.test.events)
    console.print(
        f"protocol {parts.protocol}: {parts.train.meta.counts.events:,} events to learn from, "
        f"{held:,} choices held out, {new:,} of them of restaurants new to the diner",
        markup=False,
    )
