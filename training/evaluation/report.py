"""Reports of a run: JSON for programs, Markdown and SVG for people. Money is in minor units in
JSON and in whole units of its currency in Markdown; what is assumed is said beside it."""  # noqa: D205, D209

import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import JsonValue

from maitred.artifact import DataSource
from training.evaluation.plots import plot_slices, plot_tradeoff
from training.evaluation.protocol import Evaluation
from training.evaluation.tables import Table, Triple
from training.evaluation.tradeoff import RULE, Point, Tradeoff

__all__ = ["report_json", "slice_markdown", "tradeoff_markdown", "write_report", "write_tradeoff"]

_TITLES = {
    "all": "All held-out choices",
    "new": "Restaurants new to the diner (known ones masked)",
    "cold": "The same choices asked as by strangers (rungs below personalised)",
}
_CAPTURED = (
    "Captured value is the value of held-out choices that the list contained: it says how well "
    "money is predicted, not what a policy would have caused."
)


def write_report(
    folder: Path, evaluation: Evaluation, source: DataSource, assumption: str | None,
    extra: Mapping[str, JsonValue],
) -> None:  # fmt: skip
    """Write ``report.json``, ``report.md`` and ``report.svg`` into a run folder."""
    _write_json(folder / "report.json", report_json(evaluation, source, assumption, extra))
    parts = [f"# {evaluation.subject}", _money_note(source, assumption)]
    parts += [slice_markdown(_TITLES[n], t, source) for n, t in evaluation.slices.items()]
    if evaluation.tradeoff:
        parts.append(tradeoff_markdown(evaluation.tradeoff, source))
    (folder / "report.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    plot_slices(evaluation.slices, folder / "report.svg")


def report_json(
    evaluation: Evaluation | None, source: DataSource, assumption: str | None,
    extra: Mapping[str, JsonValue],
) -> dict[str, JsonValue]:  # fmt: skip
    """Return what ``report.json`` holds; without an evaluation nothing was measured."""
    measured = evaluation.to_json() if evaluation else {"subject": None, "slices": {}}
    return {
        "schema": 1,
        **measured,
        "currency": source.currency,
        "assumed_values": source.assumed_values,
        "assumption": assumption,
        **extra,
    }


def write_tradeoff(
    folder: Path, tradeoff: Tradeoff, source: DataSource, assumption: str | None
) -> None:
    """Write ``tradeoff.json``, ``tradeoff.md`` and ``tradeoff.svg``."""
    folder.mkdir(parents=True, exist_ok=True)
    body: dict[str, JsonValue] = {
        "schema": 1,
        **tradeoff.to_json(),
        "currency": source.currency,
        "assumed_values": source.assumed_values,
        "assumption": assumption,
    }
    _write_json(folder / "tradeoff.json", body)
    text = f"{tradeoff_markdown(tradeoff, source)}\n\n{_money_note(source, assumption)}\n"
    (folder / "tradeoff.md").write_text(text, encoding="utf-8")
    plot_tradeoff(tradeoff, source.currency or "", folder / "tradeoff.svg")


def _write_json(file: Path, body: Mapping[str, JsonValue]) -> None:
    text = json.dumps(body, indent=2, sort_keys=True)
    file.write_text(text + "\n", encoding="utf-8")


def _money_note(source: DataSource, assumption: str | None) -> str:
    if not source.assumed_values:
        return _CAPTURED
    return f"{_CAPTURED} **Values are assumed.** {assumption or ''}".rstrip()


def slice_markdown(title: str, table: Table, source: DataSource) -> str:
    """Return one slice as a table; 95 % intervals by bootstrap over diners."""
    unit = f"captured {source.currency or ''}/diner".replace(" /", "/")
    if source.assumed_values:
        unit += " (assumed)"
    lines = [
        f"## {title}, n = {table.n:,}",
        "",
        f"| model | HR@10 | recall@10 | NDCG@10 | {unit} | coverage | Gini |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in table.rows.items():
        shares = (_triple(row[m]) for m in ("hit_rate_10", "recall_10", "ndcg_10"))
        money = _triple(row["captured_per_diner"], scale=0.01, digits=2)
        spread = table.spread[name]
        cells = (name, *shares, money, f"{spread['coverage']:.2f}", f"{spread['gini']:.2f}")
        lines.append(f"| {' | '.join(cells)} |")
    if table.against:
        lines += ["", "Paired differences in HR@10, first row minus the other:", ""]
        lines += [
            f"- {name}: {_triple(row['hit_rate_10'], sign=True)}"
            for name, row in table.against.items()
        ]
    return "\n".join(lines)


def tradeoff_markdown(tradeoff: Tradeoff, source: DataSource) -> str:
    """Return the sweep as a table, the chosen weight marked."""
    points = tradeoff.test or tradeoff.validation
    part = "test" if tradeoff.test else "validation"
    unit = f"captured {source.currency or ''}/diner" + (
        " (assumed)" if source.assumed_values else ""
    )
    lines = [
        f"## What revenue costs in clicks ({part})",
        "",
        f"Rule: {RULE}. Chosen: **w = {tradeoff.chosen:g}**.",
        "",
        f"| w | HR@10 | {unit} | hits against clicks | value against clicks |",
        "|---|---|---|---|---|",
    ]
    return "\n".join([*lines, *(_point(p, tradeoff.chosen) for p in points)])


def _point(point: Point, chosen: float) -> str:
    mark = f"**{point.weight:g}**" if point.weight == chosen else f"{point.weight:g}"
    cells = (
        mark,
        _triple(point.hit_rate_10),
        _triple(point.captured_per_diner, scale=0.01, digits=2),
        _triple(point.hits_change, scale=100, digits=1, sign=True) + " %",
        _triple(point.value_change, scale=100, digits=1, sign=True) + " %",
    )
    return f"| {' | '.join(cells)} |"


def _triple(value: Triple, *, scale: float = 1.0, digits: int = 4, sign: bool = False) -> str:
    form = f"{'+' if sign else ''}.{digits}f"
    middle, low, high = (format(v * scale, form) for v in value)
    return f"{middle} [{low}, {high}]"
