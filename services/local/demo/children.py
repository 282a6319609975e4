"""Commands that the demo runs as a person would: each in its own process, with its own log."""

import json
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from maitred.clock import Clock
from maitred.errors import Refused

__all__ = ["Commands", "Job"]

_TAIL: Final = 15
"""Lines of a failed command's output that are shown."""
_AT_ONCE: Final = 2
_MAITRED: Final = ("-m", "maitred")

Job = tuple[str, tuple[str | Path, ...]]
"""What a command is for, and its words."""


@dataclass(slots=True)
class Commands:
    """Runs ``maitred …`` and other modules of ours; shows a line for each."""

    console: Console
    logs: Path
    environment: Mapping[str, str]
    clock: Clock
    limit_s: float = 900.0
    _count: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def maitred(self, what: str, *words: str | Path) -> Path:
        """Run one subcommand to its end; return the file that holds what it printed.

        Raises:
            Refused: if it fails or takes longer than ``limit_s``, with the end of its output.
        """
        with self._progress() as progress:
            return self._run(progress, what, (*_MAITRED, *words))

    def together(self, jobs: Sequence[Job]) -> None:
        """Run subcommands side by side, two at a time; as :meth:`maitred`."""
        with self._progress() as progress, ThreadPoolExecutor(_AT_ONCE) as pool:
            for done in [
                pool.submit(self._run, progress, what, (*_MAITRED, *words)) for what, words in jobs
            ]:
                done.result()

    def module(self, what: str, *words: str | Path, codes: tuple[int, ...]) -> Path:
        """Run ``python -m words``, whose exit code may be any of ``codes``."""
        with self._progress() as progress:
            return self._run(progress, what, ("-m", *words), codes)

    def ask(self, what: str, *words: str | Path) -> Any:  # noqa: ANN401 - whatever JSON holds
        """Run one subcommand with ``--json`` and return what it said."""
        said = self.maitred(what, *words, "--json").read_text(encoding="utf-8")
        try:
            return json.loads(said)
        except json.JSONDecodeError as error:
            msg = f"{what}: what it printed is not JSON"
            raise Refused(msg, next_step=f"see {self.logs}") from error

    def _progress(self) -> Progress:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        idle = not self.console.is_terminal
        return Progress(*columns, console=self.console, transient=True, disable=idle)

    def _run(
        self,
        progress: Progress,
        what: str,
        words: Sequence[str | Path],
        codes: tuple[int, ...] = (0,),
    ) -> Path:
        out = self._file(what)
        started = self.clock.monotonic()
        task = progress.add_task(what, total=None)
        with out.open("wb") as printed, out.with_suffix(".err").open("wb") as complaints:
            try:
                code = subprocess.run(  # noqa: S603  # our own modules, no shell
                    [sys.executable, *map(str, words)],
                    stdout=printed,
                    stderr=complaints,
                    stdin=subprocess.DEVNULL,
                    env=dict(self.environment),
                    timeout=self.limit_s,
                    check=False,
                ).returncode
            except subprocess.TimeoutExpired as error:
                msg = f"{what}: not done after {self.limit_s:.0f} s"
                raise Refused(msg, next_step=f"see {out}") from error
        progress.remove_task(task)
        if code not in codes:
            raise _failed(what, code, out)
        seconds = self.clock.monotonic() - started
        self.console.print(f"  [green]✓[/] {what} [dim]{seconds:.1f} s[/]")
        return out

    def _file(self, what: str) -> Path:
        words = "".join(c if c.isalnum() else " " for c in what.lower()).split()
        with self._lock:
            self._count += 1
            self.logs.mkdir(parents=True, exist_ok=True)
            return self.logs / f"{self._count:02}-{'-'.join(words)[:40]}.out"


def _failed(what: str, code: int, out: Path) -> Refused:
    said = [path.read_text("utf-8", "replace") for path in (out, out.with_suffix(".err"))]
    tail = "\n".join("\n".join(said).strip().splitlines()[-_TAIL:])
    return Refused(f"{what}: exit code {code}\n{tail}", next_step=f"all it printed: {out.parent}")
