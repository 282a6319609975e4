"""``python -m services.consumers features|archive|retrain``: what the stack starts."""

import sys

import typer

from maitred.cli import report
from maitred.errors import MaitredError
from services.consumers.commands import consume

if __name__ == "__main__":
    try:
        typer.run(consume)
    except MaitredError as error:
        report(error)
        sys.exit(error.exit_code)
