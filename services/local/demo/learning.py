"""The acts before anything is served: data comes in, and recommenders are trained from it."""

from typing import Literal

from maitred.errors import Refused
from services.local.demo.stage import Stage

__all__ = ["Source", "prepare", "publish", "train"]

HELD_BACK = "0.7"
"""Share of the events, the newest, that the first models have not seen."""

Source = Literal["entree", "synthetic"]

_SYNTH = ("--seed", "7", "--restaurants", "400", "--diners", "3000", "--days", "42")


def prepare(stage: Stage) -> Source:
    """Get the data set, and hold its newer part back as what is going to happen."""
    run = stage.commands.maitred
    source: Source = "entree"
    try:
        run(
            "Entree: sessions become clicks and choices",
            "data",
            "fetch",
            "entree",
            "--out",
            stage.dataset,
        )
    except Refused as refused:
        stage.console.print(
            f"  [yellow]Entree cannot be had here[/], a synthetic city stands in: {refused}"
        )
        source = "synthetic"
        run("a synthetic city", "data", "synth", *_SYNTH, "--out", stage.dataset, "--force")
    parts = stage.past.parent
    run(
        "what came before",
        "data",
        "split",
        stage.dataset,
        "--protocol",
        "time",
        "--share",
        HELD_BACK,
        "--out",
        parts,
    )
    run(
        "what is going to happen",
        "data",
        "events",
        stage.dataset,
        "--share",
        HELD_BACK,
        "--out",
        stage.log,
    )
    return source


def train(stage: Stage) -> None:
    """Fit what is served first, on the past; and what the cards compare, on everything."""
    past, everything = stage.past, stage.dataset
    measured = ("--protocol", "last", "--no-refit")
    stage.commands.together(
        [
            ("all data, clicks: the table of recommenders",
             ("train", "--data", everything, "--objective", "clicks", *measured,
              "--out", stage.run("table-clicks"))),
            ("all data, revenue: the same table",
             ("train", "--data", everything, "--objective", "revenue", *measured,
              "--no-baselines", "--out", stage.run("table-revenue"))),
            ("the past, clicks",
             ("train", "--data", past, "--objective", "clicks", "--no-baselines",
              "--out", stage.run("clicks"))),
            ("the past, revenue",
             ("train", "--data", past, "--objective", "revenue", "--no-baselines",
              "--out", stage.run("revenue"))),
        ]
    )  # fmt: skip
    stage.users_file.write_text("".join(f"{user}\n" for user in stage.diners), encoding="utf-8")


def publish(stage: Stage) -> None:
    """Hand both recommenders to serving, through their gates."""
    for objective in ("clicks", "revenue"):
        run = stage.run(objective)
        said = stage.commands.maitred(f"publish {objective}", "models", "publish", run)
        version = next(
            word.strip(".,:`'\"") for word in said.read_text().split()
            if word.strip(".,:`'\"").startswith(f"{objective}-")
        )  # fmt: skip
        stage.commands.maitred(f"promote {version}", "models", "promote", version)
