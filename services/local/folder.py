"""The state folder: its lock, its record of what runs, its logs and its admin key.

``stack.json`` is written whole or not at all, by the supervisor only, so any reader at any time sees
a true picture of which processes are this stack's. It holds no secret.
"""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from maitred.errors import StackRefused
from maitred.keyfile import kept_secret
from services.local.probes import Kind, Probe
from services.local.processes import Identity

__all__ = ["Entry", "Record", "StackFolder"]

SCHEMA: Final = 1
_KEPT_LOGS: Final = 3


@dataclass(frozen=True, slots=True)
class Entry:
    """What the record knows of one service; ``pid`` and ``started`` are None for an external one."""

    url: str
    port: int | None
    probe_kind: Kind
    probe_target: str
    log: str | None = None
    metrics_url: str | None = None
    external: bool = False
    pid: int | None = None
    started: str | None = None
    restarts: int = 0
    given_up: bool = False

    @property
    def probe(self) -> Probe:
        """How to ask whether it is ready."""
        return Probe(self.probe_kind, self.probe_target)

    @property
    def identity(self) -> Identity | None:
        """The recorded process."""
        if self.pid is None or self.started is None:
            return None
        return Identity(self.pid, self.started)


@dataclass(frozen=True, slots=True)
class Record:
    """The stack at one moment; ``phase`` is starting, running, stopping, stopped or failed.

    ``notices`` are what a person should be told, such as a default port that was taken.
    """

    phase: str
    supervisor: Identity
    services: dict[str, Entry] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    failure: str | None = None
    next_step: str | None = None


@dataclass(frozen=True, slots=True)
class StackFolder:
    """Paths and files of one state folder; ``root`` is absolute."""

    root: Path

    @classmethod
    def at(cls, state_dir: Path) -> "StackFolder":
        """Return the folder, which need not exist yet."""
        return cls(state_dir.expanduser().absolute())

    @property
    def mark(self) -> str:
        """What the environment of each of this stack's processes contains."""
        return f"MAITRED_STATE_DIR={self.root}"

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Own the folder until the context ends; the lock dies with its process.

        Raises:
            StackRefused: another supervisor owns it; names its URLs.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / "stack.lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise self.already_runs() from error
            yield

    def is_held(self) -> bool:
        """Tell whether a supervisor owns the folder."""
        try:
            with (self.root / "stack.lock").open("r") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def already_runs(self) -> StackRefused:
        """Return the error that says where the running stack can be reached."""
        record = self.read()
        urls = {name: entry.url for name, entry in record.services.items()} if record else {}
        where = "".join(f"\n  {name}  {url}" for name, url in urls.items())
        msg = f"a stack already runs on {self.root}{':' if where else ''}{where}"
        return StackRefused(
            msg,
            next_step=f"use it, end it with `maitred down --state {self.root}`, or name another "
            "folder with --state",
        )

    def read(self) -> Record | None:
        """Return the last record, None when there is none that can be read."""
        try:
            content = json.loads((self.root / "stack.json").read_text("utf-8"))
            if content.pop("schema") != SCHEMA:
                return None
            supervisor = Identity(**content.pop("supervisor"))
            services = {n: Entry(**e) for n, e in content.pop("services").items()}
            return Record(supervisor=supervisor, services=services, **content)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def write(self, record: Record) -> None:
        """Replace the record, atomically."""
        target = self.root / "stack.json"
        partial = target.with_suffix(".json.new")
        partial.write_text(json.dumps({"schema": SCHEMA, **asdict(record)}, indent=1), "utf-8")
        partial.replace(target)

    def log(self, name: str) -> Path:
        """Return the log file of a service."""
        return self.root / "logs" / f"{name}.log"

    def rotate(self, name: str) -> None:
        """Begin a new log; the last three are kept as ``.1`` to ``.3``."""
        current = self.log(name)
        current.parent.mkdir(parents=True, exist_ok=True)
        for number in range(_KEPT_LOGS, 0, -1):
            older = current.with_name(f"{current.name}.{number}")
            newer = current.with_name(f"{current.name}.{number - 1}") if number > 1 else current
            with suppress(FileNotFoundError):
                newer.replace(older)

    def admin_key(self) -> str:
        """Return the key of ``admin.key``, made at the first call; only its owner can read the file."""
        return kept_secret(self.root / "admin.key")
