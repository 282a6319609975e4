"""``python -m services.ingest``: what the stack starts."""

import sys

from maitred.cli import report
from maitred.errors import MaitredError
from services.ingest.commands import ingest

if __name__ == "__main__":
    try:
        ingest()
    except MaitredError as error:
        report(error)
        sys.exit(error.exit_code)
