"""Results for people: tables on stdout, progress on stderr; for scripts: JSON."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from services.simulator.abandonment import Cost
from services.simulator.compare import Compared
from services.simulator.replay import Replayed
from services.simulator.summary import SettingResult

__all__ = [
    "counted",
    "print_comparison",
    "print_costs",
    "print_json",
    "print_loop",
    "print_replay",
]

Figures = Mapping[str, object]


@contextmanager
def counted(label: str, total: int) -> Iterator[Callable[[], None]]:
    """Show a bar on stderr, where that is a terminal; give what moves it by one."""
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
        task = progress.add_task(label, total=total)
        yield lambda: progress.advance(task)


def print_json(content: object) -> None:
    """Print one JSON document on stdout; dataclasses as objects."""
    Console(soft_wrap=True, highlight=False, markup=False).print(
        orjson.dumps(content, option=orjson.OPT_INDENT_2).decode()
    )


def print_replay(result: Replayed, k: int) -> None:
    """Print what a replay came to."""
    value, low, high = result.hit_rate
    table = _table("Replay", ("", ""))
    table.add_row("choices", f"{result.choices:,}")
    table.add_row(f"in the list of {k} before", f"{value:.3f} ({low:.3f} to {high:.3f})")
    table.add_row("events", _counts(result.events))
    table.add_row("rungs", _counts(result.rungs))
    table.add_row("wait for a list", _waits(result.waited))
    table.add_row("failures", _counts(result.failures))
    Console().print(table)


def print_costs(costs: Sequence[Cost]) -> None:
    """Print what slowness would lose; each figure with its source."""
    for cost in costs:
        Console().print(
            f"+{cost.added_ms:g} ms would lose {cost.lost_conversion:.2%} of orders "
            f"({cost.lost_orders:,.1f} orders, {cost.lost_revenue:,.0f} of revenue): {cost.source}"
        )


def print_loop(settings: Sequence[SettingResult], slower: Sequence[Cost], note: str) -> None:
    """Print what a closed loop came to."""
    heads = (
        "setting",
        "orders a diner",
        "revenue a diner",
        "more than the first",
        "gone",
        "waited",
    )
    table = _table("Closed loop, simulated diners, revenue in minor units", heads)
    for s in settings:
        more = s.against_first
        table.add_row(
            s.name,
            _interval(s.orders_per_diner),
            _interval(s.revenue_per_diner),
            _interval(more.expected_revenue_per_diner) if more else "-",
            f"{s.abandoned / max(s.visits, 1):.1%}",
            _waits(s.waited),
        )
    console = Console()
    console.print(table)
    for setting in settings:
        console.print(
            f"{setting.name}: rungs {_counts(setting.rungs)}; failures {_counts(setting.failures)}"
        )
    print_costs(slower)
    console.print(note)


def print_comparison(rows: Sequence[Compared]) -> None:
    """Print the settings beside each other."""
    heads = (
        "setting",
        "hit rate",
        "captured",
        "expected revenue",
        "Jaccard",
        "RBO",
    )
    table = _table(f"{rows[0].diners} diners under each setting, money in minor units", heads)
    for row in rows:
        table.add_row(
            row.name,
            _interval(row.hit_rate),
            _interval(row.captured_per_diner),
            _interval(row.expected_revenue),
            f"{row.jaccard:.2f}",
            f"{row.rank_biased_overlap:.2f}",
        )
    console = Console()
    console.print(table)
    for row in rows:
        failed = _counts(row.failures)
        console.print(
            f"{row.name}: {_waits(row.waited)}; rungs {_counts(row.rungs)}; failed {failed}"
        )


def _table(title: str, heads: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", show_header=any(heads))
    for number, head in enumerate(heads):
        table.add_column(head, justify="left" if number == 0 else "right")
    return table


def _interval(value: tuple[float, float, float] | None) -> str:
    if value is None:
        return "-"
    mean, low, high = value
    digits = 3 if abs(mean) < 10 else 0  # noqa: PLR2004  # shares and counts, or money
    return f"{mean:,.{digits}f} ({low:,.{digits}f} to {high:,.{digits}f})"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {n:,}" for name, n in sorted(counts.items())) or "none"


def _waits(waited: Figures) -> str:
    return f"p50 {waited['p50_ms']} p99 {waited['p99_ms']} ms"
