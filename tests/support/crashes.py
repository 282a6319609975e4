"""Death between any two lines: what kill -9 leaves behind, without starting a process for each."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class Killed(BaseException):
    """Nothing that was to come after this line happens."""


class Lines:
    """Lines of some files that ran so far; at ``last`` it dies."""

    def __init__(self, files: tuple[str, ...], last: int | None) -> None:
        self.files = files
        self.last = last
        self.count = 0

    def _on_call(self, frame: FrameType, event: str, arg: Any) -> Any:  # noqa: ANN401, ARG002
        return self._on_line if frame.f_code.co_filename.endswith(self.files) else None

    def _on_line(self, frame: FrameType, event: str, arg: Any) -> Any:  # noqa: ANN401, ARG002
        if event == "line":
            self.count += 1
            if self.count == self.last:
                raise Killed
        return self._on_line


@contextmanager
def dying_at(*files: str, line: int | None = None) -> Iterator[Lines]:
    """Raise :class:`Killed` at the line with this number, counted as they run; None: never.

    Only lines of files whose names end so are counted.
    """
    lines = Lines(files, line)
    before = sys.gettrace()
    sys.settrace(lines._on_call)
    try:
        yield lines
    finally:
        sys.settrace(before)
