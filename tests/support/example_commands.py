"""Commands for tests of the command line: one of each way to end, and a group."""

import typer

from maitred.errors import GateRefused, MappingError

group = typer.Typer(help="Two commands.")


@group.command()
def one() -> None:
    typer.echo("one")


@group.command()
def two() -> None:
    typer.echo("two")


def well(times: int = 1) -> None:
    typer.echo("well" * times)


def refused() -> None:
    msg = "the candidate loses to the champion"
    raise GateRefused(
        msg, fields=(("ndcg_10", "0.10 < 0.12"),), next_step="run `maitred models gate V`"
    )


def misnamed() -> None:
    msg = "the file has no column 'vendor'"
    raise MappingError(msg, fields=(("restaurant_id", "no column 'vendor'"),))


def interrupted() -> None:
    raise KeyboardInterrupt


def broken() -> None:
    msg = "a defect, not an answer"
    raise RuntimeError(msg)
