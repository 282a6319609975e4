"""Kafka's jars: the ones of the committed lock, checked against it at every start.

A shared cache outside every state folder holds them; a file gets its name there only after its
SHA-256 was right, so two processes may fetch at once and a killed one leaves nothing half-done. The
address of the repository is jgo's own constant: this project names no host.
"""

import fcntl
import hashlib
import os
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final

from maitred.errors import StackRefused

if TYPE_CHECKING:
    import httpx

__all__ = ["KAFKA_VERSION", "Jar", "class_path", "locked_jars"]

KAFKA_VERSION: Final = "4.4.0"
_ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True)
class Jar:
    """One file of the lock."""

    group: str
    artifact: str
    version: str
    sha256: str
    size: int

    @property
    def file_name(self) -> str:
        """Name in the cache and in the repository."""
        return f"{self.artifact}-{self.version}.jar"

    @property
    def path(self) -> str:
        """Path below the repository's root, in Maven's layout."""
        return "/".join((*self.group.split("."), self.artifact, self.version, self.file_name))


def locked_jars() -> tuple[Jar, ...]:
    """Return every jar of the committed lock."""
    text = resources.files("services.local").joinpath("kafka.lock.toml").read_text("utf-8")
    return tuple(Jar(**entry) for entry in tomllib.loads(text)["jars"])


def class_path(
    cache: Path, *, jars: tuple[Jar, ...] | None = None, repository: str | None = None
) -> str:
    """Return Java's class path for the broker, fetching what the cache lacks or has wrong.

    Unless given, ``jars`` are the lock's and ``repository`` is the one that jgo knows.

    Raises:
        StackRefused: a jar cannot be fetched, or is not what the lock says.
    """
    home = cache / f"kafka-{KAFKA_VERSION}"
    jars = locked_jars() if jars is None else jars
    if any(not _is_sound(home / jar.file_name, jar) for jar in jars):
        home.mkdir(parents=True, exist_ok=True)
        with _one_at_a_time(home / ".lock"):
            _fetch(
                [jar for jar in jars if not _is_sound(home / jar.file_name, jar)], home, repository
            )
    return os.pathsep.join(str(home / jar.file_name) for jar in jars)


def _is_sound(file: Path, jar: Jar) -> bool:
    try:
        if file.stat().st_size != jar.size:
            return False
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest() == jar.sha256
    except FileNotFoundError:
        return False


@contextmanager
def _one_at_a_time(lock: Path) -> Iterator[None]:
    with lock.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _fetch(missing: list[Jar], home: Path, repository: str | None) -> None:
    # Imported here: the second start must not pay for what only the first one needs.
    import httpx  # noqa: PLC0415
    from jgo.constants import MAVEN_CENTRAL_URL  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress  # noqa: PLC0415

    root = repository or MAVEN_CENTRAL_URL
    show = sys.stderr.isatty()
    with (
        httpx.Client(timeout=30.0, follow_redirects=True) as client,
        Progress(console=Console(stderr=True), disable=not show, transient=True) as progress,
    ):
        task = progress.add_task(
            f"Apache Kafka {KAFKA_VERSION}, once", total=sum(jar.size for jar in missing)
        )
        for jar in missing:
            _store(_download(client, f"{root}/{jar.path}", jar), home / jar.file_name)
            progress.advance(task, jar.size)


def _download(client: "httpx.Client", url: str, jar: Jar) -> bytes:
    import httpx  # noqa: PLC0415 - see _fetch

    reason = ""
    for _ in range(_ATTEMPTS):
        try:
            content = client.get(url).raise_for_status().content
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            continue
        if hashlib.sha256(content).hexdigest() == jar.sha256:
            return content
        reason = f"its SHA-256 is not {jar.sha256}"
    msg = f"{jar.file_name} of Apache Kafka could not be fetched: {reason}"
    raise StackRefused(
        msg,
        next_step="check the network and try again, or name a running Kafka in "
        "MAITRED_KAFKA_BOOTSTRAP",
    )


def _store(content: bytes, target: Path) -> None:
    with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as partial:
        partial.write(content)
    Path(partial.name).replace(target)
