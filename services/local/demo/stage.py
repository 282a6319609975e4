"""What every act of the demo works with, and where it puts things."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from rich.console import Console

from maitred.artifact.folder import read_diners
from maitred.clock import Clock
from maitred.settings import Settings, child_environment
from services.local.demo.children import Commands

__all__ = ["Stage"]


@dataclass(frozen=True)
class Stage:
    """The demo's folder, its commands and its clock."""

    home: Path
    settings: Settings
    clock: Clock
    console: Console

    @property
    def stack(self) -> Path:
        """State folder of the stack; it stays when the demo is over."""
        return self.home / "stack"

    @property
    def dataset(self) -> Path:
        """All that is known: what the tables are measured on."""
        return self.home / "data" / "all"

    @property
    def past(self) -> Path:
        """What the first models learn from: the oldest events."""
        return self.home / "data" / "parts" / "train"

    @property
    def log(self) -> Path:
        """The newer events: what diners will do while the demo runs, and after."""
        return self.home / "data" / "log.jsonl"

    @property
    def users_file(self) -> Path:
        """Diners that the first models know, an id a line."""
        return self.home / "data" / "diners.txt"

    def run(self, name: str) -> Path:
        """Folder of a training run."""
        return self.home / "runs" / name

    @cached_property
    def commands(self) -> Commands:
        """The command line, on the demo's own stack."""
        return Commands(self.console, self.home / "logs", self._environment(), self.clock)

    @cached_property
    def diners(self) -> tuple[str, ...]:
        """Diners that the first clicks model knows, in a fixed order."""
        return tuple(user for user, _ in read_diners(self.run("clicks") / "model"))

    def act(self, number: int, title: str) -> None:
        """Say what comes next."""
        self.console.print(f"[bold]{number}. {title}[/]")

    def _environment(self) -> Mapping[str, str]:
        # Paths are absolute: commands are run from wherever the demo was started.
        # What is replayed names diners by the data's own ids: no key of this shell changes them.
        return child_environment(
            state_dir=self.stack.absolute(), redis_url=None, pseudonym_key=None
        )
