"""``maitred train | evaluate | recommend | tradeoff | models``: the doors of training.

Each command reads its inputs, calls one function of the package and prints; no logic lives here.
"""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from maitred.settings import single_threaded

__all__ = ["evaluate", "models", "recommend", "tradeoff", "train"]

Out = Annotated[Path, typer.Option("--out", help="Folder or file to write.")]
RunFolder = Annotated[Path, typer.Option("--run", help="Run folder of `maitred train`.")]
Data = Annotated[Path, typer.Option("--data", help="Data set folder.", metavar="DATASET")]
Objective = Literal["clicks", "revenue"]
Protocol = Literal["last", "time", "none"]


def train(  # noqa: PLR0913 - every argument is an option
    *,
    data: Data,
    objective: Annotated[Objective, typer.Option(help="What lists are ranked for.")],
    out: Out,
    model: Annotated[str, typer.Option(help="Which recommender.")] = "blend",
    protocol: Annotated[Protocol, typer.Option(help="What is held out.")] = "last",
    seed: Annotated[int, typer.Option(help="Of every random choice.", min=0)] = 7,
    refit: Annotated[bool, typer.Option(help="Fit again on everything at the end.")] = True,
    baselines: Annotated[bool, typer.Option(help="Fit LightFM and EASE for the table.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts.")] = False,
) -> None:
    """Fit a recommender for clicks or for revenue, measure it, write the artefact to RUN/model."""
    from training import running  # noqa: PLC0415 - `maitred --help` must stay fast

    asked = running.Asked(model, protocol, seed, refit, baselines, as_json)
    running.train(data, objective, out, asked)


def evaluate(
    *,
    run: RunFolder,
    data: Data,
    out: Out,
    protocol: Annotated[Protocol, typer.Option(help="What is held out.")] = "last",
    baselines: Annotated[bool, typer.Option(help="Fit LightFM and EASE for the table.")] = True,
) -> None:
    """Measure a run on held-out choices; a model that saw them all is fitted on the train part."""
    from training import running  # noqa: PLC0415

    running.evaluate(run, data, out, protocol=protocol, baselines=baselines)


def tradeoff(*, run: RunFolder, data: Data, out: Out) -> None:
    """Sweep the revenue dial of a clicks run: JSON, Markdown and SVG."""
    from training import running  # noqa: PLC0415

    running.tradeoff(run, data, out)


def recommend(
    *,
    run: RunFolder,
    users: Annotated[
        Path | None,
        typer.Option(help=".txt, .csv, .jsonl or .parquet; unset or all: the model's diners."),
    ] = None,
    k: Annotated[int, typer.Option(min=1, max=100, help="Length of lists.")] = 10,
    revenue_weight: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="The dial, on a clicks run.")
    ] = None,
    seen: Annotated[
        Literal["keep", "mask"], typer.Option(help="Keep or mask what the diner knows.")
    ] = "keep",
    out: Annotated[
        Path | None, typer.Option("--out", help=".jsonl or .parquet; unset: standard output.")
    ] = None,
) -> None:
    """Recommend off-line: one line for every diner asked, cold ones too, in input order."""
    single_threaded()
    from training import offline  # noqa: PLC0415

    offline.recommend(run, users, k=k, revenue_weight=revenue_weight, mask=seen == "mask", out=out)


models = typer.Typer(
    help="List, publish, promote and roll back models.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
AsJson = Annotated[bool, typer.Option("--json", help="For scripts.")]
Version = Annotated[str, typer.Argument(metavar="V", help="A published version.")]


@models.command("list")
def list_models(*, as_json: AsJson = False) -> None:
    """List what is published and what is served."""
    from training import shelf  # noqa: PLC0415

    shelf.show_all(as_json=as_json)


@models.command()
def show(version: Version) -> None:
    """Print a version's manifest and verdict as JSON."""
    from training import shelf  # noqa: PLC0415

    typer.echo(json.dumps(shelf.describe(version), indent=2, sort_keys=True))


@models.command()
def gate(version: Version) -> None:
    """Judge a published version against the model that is served now."""
    from training import shelf  # noqa: PLC0415

    shelf.gate(version)


@models.command()
def publish(run: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder.")]) -> None:
    """Judge a run's model and write it to Redis; its version is the last line printed."""
    from training import shelf  # noqa: PLC0415

    shelf.publish(run)


@models.command()
def promote(version: Version) -> None:
    """Serve a version from now on, if its gates passed."""
    from training import shelf  # noqa: PLC0415

    shelf.promote(version)


@models.command()
def rollback(
    *,
    objective: Annotated[
        Objective | None, typer.Option(help="Unset: the one promoted last.")
    ] = None,
) -> None:
    """Serve the version before the last promotion again."""
    from training import shelf  # noqa: PLC0415

    shelf.rollback(objective)
