"""From the models in Redis to folders that every worker of this machine maps.

One process a machine downloads a version (file lock), into ``<version>.partial``; the folder gets
its name only when all sums are right. What is current is remembered on disk, so that a machine
that starts without Redis serves the newest models that it knows.
"""

import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from maitred.artifact import Model, load, read_manifest
from maitred.artifact.folder import verify
from maitred.errors import CorruptArtifact, MaitredError
from maitred.store import keys, models
from maitred.store.client import Redis, translated
from maitred.store.pointer import Current, decode_pointer, encode_pointer

__all__ = ["ModelLoader"]


class ModelLoader:
    """Blocking: call it from a thread.

    ``folder`` is ``<state>/models``. Guarantees that a folder in it named like a version was whole
    and right when it got its name.
    """

    def __init__(self, redis: Redis, folder: Path) -> None:
        self._redis = redis
        self._folder = folder
        self._memory = folder / "current.json"
        self._checked: set[str] = set()

    def current(self) -> Current:
        """Return what Redis says is served.

        Raises:
            StoreUnavailable: if it did not answer.
            CorruptArtifact: if its answer cannot be read.
        """
        return models.current(self._redis)

    def remembered(self) -> Current:
        """Return what was last served on this machine; nothing if that cannot be read."""
        try:
            return decode_pointer(self._memory.read_bytes())
        except (OSError, MaitredError):
            return Current()

    def remember(self, pointer: Current) -> None:
        """Keep a pointer for a start without Redis, and remove folders that it does not name."""
        with self._lock():
            temporary = self._memory.with_suffix(f".{os.getpid()}")
            temporary.write_bytes(encode_pointer(pointer))
            temporary.replace(self._memory)
            self._sweep(keep={pointer.clicks, pointer.revenue,
                              pointer.previous_clicks, pointer.previous_revenue})  # fmt: skip

    def load(self, version: str) -> Model:
        """Return a version, mapped and pre-faulted; downloads it unless this machine has it.

        Raises:
            NotFound: if it is not published.
            CorruptArtifact: if it is not what its name says, here and in Redis.
            StoreUnavailable: if it must be downloaded and Redis is away.
        """
        with self._lock():
            folder = self._folder / version
            if not self._is_sound(folder, version):
                self._download(version, folder)
            self._checked.add(version)
            return load(folder, verified=True)

    def announce(self, served: Iterable[str], worker: str) -> None:
        """Say in Redis which versions this worker has mapped, for half a minute."""
        with translated(), self._redis.pipeline(transaction=False) as trip:
            for version in served:
                trip.set(keys.serving(version, worker), 1, ex=keys.SERVING_TTL_S)
            trip.execute()

    def _is_sound(self, folder: Path, version: str) -> bool:
        """Whether the folder holds this version; what this process checked is not read again."""
        if not folder.is_dir():
            return False
        if version in self._checked:
            return True
        try:
            found, manifest = read_manifest(folder)
            verify(folder, manifest, roles=frozenset({"model"}))
        except MaitredError:
            return False
        return found == version

    def _download(self, version: str, folder: Path) -> None:
        partial = folder.with_name(f"{version}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        try:
            models.download(self._redis, version, partial)
            found, _ = read_manifest(partial)
            if found != version:
                msg = f"what is published as {version} is {found}"
                raise CorruptArtifact(msg, next_step="publish the model again")
            shutil.rmtree(folder, ignore_errors=True)
            partial.replace(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def _sweep(self, *, keep: set[str | None]) -> None:
        """Remove old folders; workers that still map one keep its pages until they let go."""
        for folder in self._folder.iterdir():
            if folder.is_dir() and folder.name not in keep:
                shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
