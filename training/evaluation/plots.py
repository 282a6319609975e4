"""Reports' pictures, as SVG whose bytes depend on the figures only."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from training.evaluation.tables import Table
from training.evaluation.tradeoff import Tradeoff

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_slices", "plot_tradeoff"]


def plot_slices(slices: Mapping[str, Table], file: Path) -> None:
    """Draw HR@10 with intervals, one panel a personalised slice."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - half a second that only plots pay

    shown = {name: slices[name] for name in ("all", "new") if name in slices}
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for i, (name, table) in enumerate(shown.items()):
        axes = figure.add_subplot(1, len(shown), i + 1)
        names = list(table.rows)[::-1]
        triples = [table.rows[n]["hit_rate_10"] for n in names]
        values = [t[0] for t in triples]
        errors = [[v - t[1] for v, t in zip(values, triples, strict=True)],
                  [t[2] - v for v, t in zip(values, triples, strict=True)]]  # fmt: skip
        axes.barh(names, values, xerr=errors, color="#4c72b0", ecolor="#333333", height=0.6)
        axes.set_title(f"{name}, n = {table.n:,}", fontsize=10)
        axes.set_xlabel("HR@10, 95 % interval")
        axes.tick_params(labelsize=8)
    _save(figure, file)


def plot_tradeoff(tradeoff: Tradeoff, currency: str, file: Path) -> None:
    """Draw hits against captured value along the dial."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - half a second that only plots pay

    points = tradeoff.test or tradeoff.validation
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    hits = [p.hit_rate_10[0] for p in points]
    money = [p.captured_per_diner[0] / 100 for p in points]
    axes.plot(hits, money, "-o", color="#4c72b0", markersize=3)
    for point, x, y in zip(points, hits, money, strict=True):
        if point.weight in {0.0, 0.5, 1.0, tradeoff.chosen}:
            axes.annotate(f"w = {point.weight:g}", (x, y), textcoords="offset points",
                          xytext=(6, 4), fontsize=8)  # fmt: skip
    axes.set_xlabel("HR@10")
    axes.set_ylabel(f"captured value a diner, {currency}")
    axes.set_title("The dial: hits against captured value", fontsize=10)
    _save(figure, file)


def _save(figure: "Figure", file: Path) -> None:
    import matplotlib as mpl  # noqa: PLC0415

    with mpl.rc_context({"svg.hashsalt": "maitred", "svg.fonttype": "none"}):
        figure.savefig(file, format="svg", metadata={"Date": None})
