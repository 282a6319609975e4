"""``python -m services.inference``: what the stack starts."""

from maitred.cli import reporting
from services.inference.commands import serve

if __name__ == "__main__":
    with reporting():
        serve()
