"""What a running master keeps on disk: a lock, its processes' metrics, and who they are.

``<state>/programs/<program>-K`` belongs to the master that holds its lock; the next one that
comes takes the next number. The record is written whole or not at all, and is true while the lock
is held. It says nothing that ``maitred reload`` could not be told by anybody.
"""

import fcntl
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from typing import TextIO

__all__ = ["MasterRecord", "ProgramFolder", "Worker", "find_master"]

_PARENT = "programs"


@dataclass(frozen=True, slots=True)
class Worker:
    """A process that holds a worker's place."""

    pid: int
    ready: bool


@dataclass(frozen=True, slots=True)
class MasterRecord:
    """A master and its processes at one moment.

    ``phase`` is starting, running, rolling or stopping; ``rolls`` counts rolling restarts that
    came to their end, ``failures`` those that were given up, the last for ``reason``.
    """

    pid: int
    phase: str
    workers: tuple[Worker, ...] = ()
    leaving: tuple[int, ...] = ()
    companions: dict[str, int] = field(default_factory=dict)
    rolls: int = 0
    failures: int = 0
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class ProgramFolder:
    """One master's folder."""

    root: Path

    @classmethod
    @contextmanager
    def claim(cls, state_dir: Path, program: str) -> "Iterator[ProgramFolder]":
        """Yield the first folder that no living master holds, its metrics wiped."""
        for number in count():
            folder = cls(state_dir.resolve() / _PARENT / f"{program}-{number}")
            folder.root.mkdir(parents=True, exist_ok=True)
            with (folder.root / "lock").open("w") as lock:
                if not _take(lock):
                    continue
                shutil.rmtree(folder.metrics, ignore_errors=True)
                folder.metrics.mkdir()
                yield folder
                return

    @property
    def metrics(self) -> Path:
        """Where the master's processes add up their metrics."""
        return self.root / "metrics"

    def write(self, record: MasterRecord) -> None:
        """Replace the record, atomically."""
        target = self.root / "master.json"
        partial = target.with_suffix(".json.new")
        partial.write_text(json.dumps(asdict(record), indent=1), "utf-8")
        partial.replace(target)

    def read(self) -> MasterRecord | None:
        """Return the last record, None when there is none that can be read."""
        try:
            content = json.loads((self.root / "master.json").read_text("utf-8"))
            workers = tuple(Worker(**worker) for worker in content.pop("workers"))
            leaving = tuple(content.pop("leaving"))
            return MasterRecord(workers=workers, leaving=leaving, **content)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None


def find_master(state_dir: Path, program: str, pid: int) -> ProgramFolder | None:
    """Return the folder of the master with this pid, None when the state knows of none."""
    parent = state_dir.resolve() / _PARENT
    folders = (ProgramFolder(path) for path in sorted(parent.glob(f"{program}-*")))
    for folder in folders:
        record = folder.read()
        if record is not None and record.pid == pid:
            return folder
    return None


def _take(lock: TextIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
