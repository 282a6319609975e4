"""Commands that the demo runs as a person would: each in its own process, with its own log."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console

from maitred.clock import Clock
from maitred.errors import Refused

__all__ = ["Commands"]

_TAIL: Final = 15
"""Lines of a failed command's log that are shown."""


@dataclass(frozen=True, slots=True)
class Commands:
    """Runs ``maitred …`` and other Python modules; shows one line for each."""

    console: Console
    logs: Path
    environment: Mapping[str, str]
    clock: Clock
    limit_s: float = 900.0

    def maitred(self, what: str, *words: str | Path) -> Path:
        """Run one subcommand to its end; return the file that holds its output.

        Raises:
            Refused: if it fails or takes longer than ``limit_s``, with the end of its log.
        """
        return self.module(what, "maitred.cli", *words)

    def module(self, what: str, module: str, *words: str | Path, check: bool = True) -> Path:
        """Run ``python -m module words``; as :meth:`maitred`. ``check`` refuses a failure."""
        self.logs.mkdir(parents=True, exist_ok=True)
        log = self.logs / f"{len(list(self.logs.iterdir())):02}-{_slug(what)}.log"
        command = [sys.executable, "-m", module, *map(str, words)]
        started = self.clock.monotonic()
        with self.console.status(what), log.open("wb") as sink:
            try:
                code = subprocess.run(  # noqa: S603  # our own modules, no shell
                    command,
                    stdout=sink,
                    stderr=subprocess.STDOUT,
                    stdin=subprocess.DEVNULL,
                    env=dict(self.environment),
                    timeout=self.limit_s,
                    check=False,
                ).returncode
            except subprocess.TimeoutExpired as error:
                msg = f"{what}: not done after {self.limit_s:.0f} s"
                raise Refused(msg, next_step=f"see {log}") from error
        seconds = self.clock.monotonic() - started
        if code and check:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-_TAIL:])
            msg = f"{what}: exit code {code}\n{tail}"
            raise Refused(msg, next_step=f"the whole log is {log}")
        self.console.print(f"  [green]✓[/] {what} [dim]{seconds:.1f} s[/]")
        return log

    def ask(self, what: str, *words: str | Path) -> object:
        """Run one subcommand with ``--json`` and return what it printed."""
        log = self.maitred(what, *words, "--json")
        lines = [line for line in log.read_text().splitlines() if line.startswith(("{", "["))]
        if not lines:
            msg = f"{what}: printed no JSON"
            raise Refused(msg, next_step=f"see {log}")
        return json.loads(lines[-1])


def _slug(text: str) -> str:
    return "-".join("".join(c if c.isalnum() else " " for c in text.lower()).split())[:40]
