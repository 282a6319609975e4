"""Files that are not what their names say: told by name, with what to do, never by a traceback."""

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from maitred.errors import InvalidInput

__all__ = ["readable"]


@contextmanager
def readable(file: Path) -> Iterator[None]:
    """Read a file inside: what is wrong with it as a whole becomes an error that names it.

    Raises:
        InvalidInput: if its text is not UTF-8, or it is no file of the kind its ending says.
    """
    try:
        yield
    except UnicodeDecodeError as error:
        msg = f"{file.name} is not UTF-8: byte {error.object[error.start]:#04x} is none of its text"
        step = f"save it as UTF-8, perhaps: iconv -f latin1 -t utf-8 {file.name}"
        raise InvalidInput(msg, next_step=step) from error
    except (ValueError, OSError, csv.Error) as error:  # Arrow's and pandas' are ValueErrors
        kind = file.suffix.removeprefix(".")
        msg = f"{file.name} cannot be read as {kind}: {error}"
        raise InvalidInput(msg, next_step=f"is it a {kind} file, and whole?") from error
