"""The supervisor as a process of its own: what ``maitred up --detach`` starts."""

import sys

from maitred.cli import report
from maitred.errors import MaitredError
from maitred.settings import load
from services.local.foreground import supervise

if __name__ == "__main__":
    try:
        supervise(load())
    except MaitredError as error:
        report(error)
        sys.exit(error.exit_code)
