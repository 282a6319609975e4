"""What commands of training share: progress for a person, tables, and how a run is opened."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table as Grid

from maitred.artifact import Manifest, read_manifest
from maitred.errors import UsageError
from training.dataset import DatasetMeta
from training.evaluation.protocol import Evaluation
from training.evaluation.tables import Table, Triple

__all__ = ["manifest_of", "progress", "show_evaluation"]


def manifest_of(run: Path) -> Manifest:
    """Return the manifest of a run.

    Raises:
        UsageError: if there is no such folder.
        NotFound: if it holds no model.
    """
    if not run.is_dir():
        msg = f"there is no run folder at {run}"
        raise UsageError(msg, next_step="make one with `maitred train`")
    return read_manifest(run / "model")[1]


@contextmanager
def progress(console: Console, *, total: int | None = None) -> Iterator[Callable[[str, int], None]]:
    """Show stages as they run, ``total`` steps if known; nothing when the console is no terminal."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as shown:
        task = shown.add_task("starting", total=total)

        def advance(stage: str, steps: int) -> None:
            if steps == 0:
                shown.update(task, description=stage)
            shown.advance(task, steps)

        yield advance


def show_evaluation(console: Console, evaluation: Evaluation | None, meta: DatasetMeta) -> None:
    """Print a table a slice, and what is assumed."""
    if evaluation is None:
        console.print("protocol none: nothing was held out, nothing was measured", markup=False)
        return
    for name, table in evaluation.slices.items():
        console.print(_grid(name, table, meta))
    if meta.assumed_values:
        console.print(f"values are assumed: {meta.assumption}", markup=False)


def _grid(name: str, table: Table, meta: DatasetMeta) -> Grid:
    grid = Grid(title=f"{name}, n = {table.n:,}", title_justify="left", box=None, pad_edge=False)
    grid.add_column("model", no_wrap=True)
    money = f"{meta.currency or 'value'}/diner{' (assumed)' if meta.assumed_values else ''}"
    for heading in ("HR@10", "NDCG@10", money, "coverage"):
        grid.add_column(heading, justify="right")
    for model, row in table.rows.items():
        captured = row["captured_per_diner"]
        grid.add_row(
            model.replace("[", r"\["),
            _cell(row["hit_rate_10"], 3),
            _cell(row["ndcg_10"], 3),
            _cell((captured[0] / 100, captured[1] / 100, captured[2] / 100), 2),
            f"{table.spread[model]['coverage']:.2f}",
        )
    return grid


def _cell(value: Triple, digits: int) -> str:
    return f"{value[0]:.{digits}f} ±{(value[2] - value[1]) / 2:.{digits}f}"
