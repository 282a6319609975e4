"""A real log as JSON lines, one event a line in the wire format."""

from collections.abc import Iterator
from pathlib import Path

import orjson

from maitred.errors import InvalidEvent, UsageError
from maitred.events import DinerEvent, Impression, parse

__all__ = ["read_log"]


def read_log(path: Path) -> list[DinerEvent]:
    """Read a log in the order in which things happened; ties stay as in the file.

    Raises:
        UsageError: if the file is not there, or a line is not an event (its number is named).
    """
    return sorted(_lines(path), key=lambda event: event.occurred_at)


def _lines(path: Path) -> Iterator[DinerEvent]:
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        next_step = "maitred data events DATASET --out FILE.jsonl writes one"
        raise UsageError(msg, next_step=next_step) from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            event = parse(orjson.loads(line))
        except (orjson.JSONDecodeError, InvalidEvent) as error:
            msg = f"{path}, line {number}: {error}"
            raise UsageError(msg) from error
        if not isinstance(event, Impression):
            yield event
