"""``python -m services.consumers features|archive|retrain``: what the stack starts."""

import typer

from maitred.cli import reporting
from services.consumers.commands import consume

if __name__ == "__main__":
    with reporting():
        typer.run(consume)
