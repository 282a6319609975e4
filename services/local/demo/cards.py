"""The report as three cards, one for each stakeholder: for a terminal, a file and a browser."""

from dataclasses import dataclass
from html import escape

from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from services.local.demo.report import Interval, Loop, Ml, Product, Report, Sales

__all__ = ["ASSUMED", "markdown", "show"]

ASSUMED = (
    "What a choice is worth is an assumption here (the middle of the restaurant's price band), "
    "not a measurement."
)

Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """A table of texts; the first column names the row."""

    header: Row
    rows: list[Row]


@dataclass(frozen=True, slots=True)
class Card:
    """What one stakeholder asks, and the answer."""

    title: str
    question: str
    grids: list[Grid]
    notes: list[str]


def show(report: Report, console: Console) -> None:
    """Print the cards."""
    for card in _cards(report):
        body: list[Table | Text] = [_rich(grid) for grid in card.grids]
        body.extend(Text(note, style="dim") for note in card.notes)
        title = f"[bold]{card.title}[/]: {card.question}"
        console.print(Panel(Group(*body), title=title, expand=False))


def markdown(report: Report) -> str:
    """Return the cards as Markdown."""
    lines = [
        f"# What the demo measured on {_source(report)}",
        "",
        f"Commit `{report.commit}`, started {report.started_at}, {report.seconds:.0f} s in all.",
    ]
    for card in _cards(report):
        lines += ["", f"## {card.title}: {card.question}"]
        for grid in card.grids:
            lines += ["", _line(grid.header), _line(("---",) * len(grid.header))]
            lines += map(_line, grid.rows)
        lines += ["", *(f"{note}\n" for note in card.notes)]
    return "\n".join(lines).rstrip() + "\n"


def page(report: Report) -> str:
    """Return the cards as one HTML page that needs nothing else."""
    sections = []
    for card in _cards(report):
        grids = "".join(map(_table, card.grids))
        notes = "".join(f"<p>{escape(note)}</p>" for note in card.notes)
        title = f"<h2>{escape(card.title)} <small>{escape(card.question)}</small></h2>"
        sections.append(f"<section>{title}{grids}{notes}</section>")
    head = (
        f"What the demo measured on {escape(_source(report))}: commit {escape(report.commit)}, "
        f"{escape(report.started_at)}, {report.seconds:.0f} s"
    )
    return _PAGE.format(head=head, body="".join(sections))


def _cards(report: Report) -> list[Card]:
    return [
        Card("ML engineers", "are the recommendations good?", [_ml(report.ml)], _ml_notes(report)),
        Card("Sales", "do they earn more?", _sales(report.sales), _sales_notes(report.sales)),
        Card(
            "Product",
            "are they fast, always?",
            _product(report.product),
            _loop_notes(report.loop, report.notes),
        ),
    ]


def _ml(ml: Ml) -> Grid:
    header = ("recommender", "HR@10", "NDCG@10", "new: HR@10", "new: NDCG@10")
    rows: list[Row] = [
        (
            f"{name} (served)" if name == ml.served else name,
            _share(quality.hit_rate_10),
            _share(quality.ndcg_10),
            _share(quality.slice_new.hit_rate_10),
            _share(quality.slice_new.ndcg_10),
        )
        for name, quality in ml.models.items()
    ]
    return Grid(header, rows)


def _ml_notes(report: Report) -> list[str]:
    ml, loop = report.ml, report.loop
    notes = [
        (
            f"Protocol '{ml.protocol}': {ml.n:,} held-out choices; 'new' leaves out restaurants "
            "that the diner had looked at or chosen before. HR: hit rate. ± is half of a 95 % "
            "interval, bootstrap over diners."
        )
    ]
    if loop.retrained_vs_frozen is None:
        notes.append("No retrained model took over in this run.")
    else:
        gain = loop.retrained_vs_frozen
        notes.append(
            f"Retrained against frozen model on the rest of the replay ({gain.n:,} choices, "
            f"paired): hit rate@10 {_signed(gain.hit_rate_10)}."
        )
    return notes


def _sales(sales: Sales) -> list[Grid]:
    base = sales.settings[0]
    captured: list[Row] = [
        (
            s.name,
            _money(s.captured_per_diner, sales.currency),
            _change(s.captured_per_diner, base.captured_per_diner),
            _share(s.hit_rate_10),
            _change(s.hit_rate_10, base.hit_rate_10),
        )
        for s in sales.settings
    ]
    simulated: list[Row] = [
        (
            s.name,
            _money(s.revenue_per_diner, sales.currency, signed=True),
            _signed(s.orders_per_diner),
        )
        for s in sales.simulated
    ]
    header = ("ranked for", "captured value a diner", "gain", "hit rate@10", "hits")
    apart = ("simulated diners under", "revenue a diner, against clicks", "orders a diner")
    return [Grid(header, captured)] + ([Grid(apart, simulated)] if simulated else [])


def _sales_notes(sales: Sales) -> list[str]:
    notes = [
        (
            "Captured value: worth of held-out choices that the list contained. It says how well "
            "money is predicted, not what a policy would have caused."
        ),
        (
            "Incremental revenue is of simulated diners only, same diners and seeds under each "
            "setting; the two kinds of money are never added. They are strangers at first and "
            "mind prices by a law of their own: where they order less, dear lists drove them off."
        ),
    ]
    return [*notes, ASSUMED] if sales.assumed_values else notes


def _product(product: Product) -> list[Grid]:
    tail = "needs 10,000 requests" if product.p999_ms is None else f"{product.p999_ms:.1f} ms"
    rungs = ", ".join(f"{name} {count:,}" for name, count in product.rungs.items())
    rows: list[Row] = [
        ("requests", f"{product.requests:,}"),
        ("failures", f"{product.failures:,}"),
        (
            "p50 / p95 / p99",
            f"{product.p50_ms:.1f} / {product.p95_ms:.1f} / {product.p99_ms:.1f} ms",
        ),
        ("p99.9", tail),
        ("rungs", rungs),
        ("event to changed list", _seconds(product.event_to_change_s)),
        ("promotion to serving", _seconds(product.promote_to_serving_s)),
        ("failed during the swap", f"{product.failed_during_swap:,}"),
    ]
    slower: list[Row] = [
        (
            s.curve,
            f"+{s.added_ms:.0f} ms",
            f"{s.lost_conversion:.2%}",
            f"{s.lost_revenue_share:.2%}",
        )
        for s in product.slower
    ]
    return [
        Grid(("measured by the client", "value"), rows),
        Grid(
            ("if it were slower (published curve)", "by", "conversion lost", "money lost"), slower
        ),
    ]


def _loop_notes(loop: Loop, notes: list[str]) -> list[str]:
    version = loop.retrained_version or "none"
    return [
        *notes,
        (
            f"Events accepted {loop.accepted:,}, archived once {loop.archived:,}, duplicates "
            f"{loop.duplicates:,}; retrained model: {version}."
        ),
    ]


def _rich(grid: Grid) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, name in enumerate(grid.header):
        table.add_column(name, justify="left" if number == 0 else "right")
    for row in grid.rows:
        table.add_row(*map(Text, row))  # names are not markup
    return table


def _table(grid: Grid) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in grid.header)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in grid.rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _source(report: Report) -> str:
    real = "Entree Chicago, real sessions of 1996 to 1999"
    return real if report.data_source == "entree" else "a synthetic city"


def _line(cells: Row) -> str:
    return "| " + " | ".join(cells) + " |"


def _seconds(seconds: float | None) -> str:
    return "no promotion was seen" if seconds is None else f"{seconds:.2f} s"


def _margin(interval: Interval) -> float:
    """Return half the width of the interval; the report's JSON has both ends."""
    return (interval[2] - interval[1]) / 2


def _share(interval: Interval) -> str:
    return f"{interval[0]:.3f} ±{_margin(interval):.3f}"


def _signed(interval: Interval) -> str:
    return f"{interval[0]:+.4f} ±{_margin(interval):.4f}"


def _money(interval: Interval, currency: str, *, signed: bool = False) -> str:
    value, margin = interval[0] / 100, _margin(interval) / 100
    return f"{value:{'+.2f' if signed else '.2f'}} ±{margin:.2f} {currency}"


def _change(interval: Interval, base: Interval) -> str:
    return f"{interval[0] / base[0] - 1:+.1%}" if base[0] else "n/a"


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>maitred: what the demo measured</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root {{ color-scheme: light dark; --line: #8884; --soft: #888; }}
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 68rem; padding: 0 1rem; }}
section {{ border: 1px solid var(--line); border-radius: 10px; padding: 1rem 1.25rem; margin: 1rem 0;
          overflow-x: auto; }}
h1 {{ font-size: 1.4rem; margin: 0; }} h2 {{ font-size: 1.1rem; margin: 0 0 .5rem; }}
small, p, header p {{ color: var(--soft); font-weight: normal; }} p {{ margin: .4rem 0; }}
table {{ border-collapse: collapse; margin: .5rem 0 1rem; font-variant-numeric: tabular-nums; }}
th, td {{ text-align: right; padding: .2rem .9rem .2rem 0; border-bottom: 1px solid var(--line); }}
th:first-child, td:first-child {{ text-align: left; }}
</style></head><body><header><h1>maitred</h1><p>{head}</p></header>{body}</body></html>
"""
