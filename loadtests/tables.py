"""Figures as text: one Markdown table shape for the terminal, the reports and the documents."""

from collections.abc import Mapping, Sequence

__all__ = ["load_table", "markdown_table", "percent"]


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return an aligned Markdown table; the first column is text, the others figures."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(len(row[i]) for row in [list(head), *cells]) for i in range(len(head))]

    def line(row: Sequence[str]) -> str:
        first, rest = row[0].ljust(widths[0]), [c.rjust(w) for c, w in _pairs(row, widths)]
        return "| " + " | ".join([first, *rest]) + " |"

    rule = ["-" * widths[0], *("-" * (w - 1) + ":" for w in widths[1:])]
    return "\n".join([line(head), "| " + " | ".join(rule) + " |", *map(line, cells)])


def load_table(summaries: Mapping[str, Mapping[str, object]]) -> str:
    """Return percentiles, failures and rungs of several runs, one a row.

    ``personalised``: of the requests of diners whom the model knows.
    """
    columns = ("requests", "p50_ms", "p95_ms", "p99_ms", "p999_ms", "max_ms", "failures")
    rows = [
        [
            name,
            *(run.get(c) for c in columns),
            _counts(run, "failures_by_kind"),
            percent(run.get("personalised_share")),
            _counts(run, "rungs"),
            _counts(run, "degraded"),
        ]
        for name, run in summaries.items()
    ]
    heads = [c.replace("_ms", " ms").replace("p999", "p99.9") for c in columns]
    return markdown_table(["run", *heads, "why", "personalised", "rungs", "degraded"], rows)


def _pairs(row: Sequence[str], widths: Sequence[int]) -> list[tuple[str, int]]:
    return list(zip(row[1:], widths[1:], strict=True))


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:,.2f}" if isinstance(value, float) else str(value)


def percent(value: object) -> str | None:
    """Return a share as people read it; None stays None."""
    return f"{value:.2%}" if isinstance(value, float) else None


def _counts(run: Mapping[str, object], name: str) -> str:
    counts = run.get(name)
    if not isinstance(counts, Mapping) or not counts:
        return "-"
    return " ".join(f"{kind}={n}" for kind, n in sorted(counts.items()))
