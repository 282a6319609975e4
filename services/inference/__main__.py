"""``python -m services.inference``: what the stack starts."""

import sys

from maitred.cli import report
from maitred.errors import MaitredError
from services.inference.commands import serve

if __name__ == "__main__":
    try:
        serve()
    except MaitredError as error:
        report(error)
        sys.exit(error.exit_code)
