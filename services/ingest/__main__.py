"""``python -m services.ingest``: what the stack starts."""

from maitred.cli import reporting
from services.ingest.commands import ingest

if __name__ == "__main__":
    with reporting():
        ingest()
