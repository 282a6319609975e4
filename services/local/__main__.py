"""The supervisor as a process of its own: what ``maitred up --detach`` starts."""

import sys

from maitred.errors import MaitredError
from maitred.settings import load
from services.local.foreground import supervise

if __name__ == "__main__":
    try:
        supervise(load())
    except MaitredError as error:
        from maitred.cli import report  # it lives for days and needs no command line

        report(error)
        sys.exit(error.exit_code)
