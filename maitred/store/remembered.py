"""What this machine knows of changed restaurants, on disk: for a worker that starts without Redis.

One file, named after the position that it was written at; arrays as they are in memory, so that
a hundred thousand restaurants are read back in a few hundredths of a second.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import orjson
from numpy.typing import NDArray

from maitred.catalogue import ARRAYS, NOTHING, Catalogue, Columns, Overlay
from maitred.store.catalogue import NOWHERE, Position

__all__ = ["Memory"]

_GONE = "gone"
_UNREADABLE = (OSError, EOFError, ValueError, KeyError, IndexError, BadZipFile)
"""What reading a file raises that was cut short or is no file of ours."""


class Memory:
    """Blocking: call it from a thread. ``folder`` is ``<state>/catalogue``.

    All workers of a machine share it; the file of the farthest position stays.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, position: Position, overlay: Overlay) -> None:
        """Remember an overlay, unless another worker has remembered this position or a later one."""
        with self._lock(fcntl.LOCK_EX):
            known = self._known()
            if any(other.reaches(position) for other in known.values()):
                return
            partial = self._folder / f"{os.getpid()}.partial"
            gone = np.frombuffer(orjson.dumps(sorted(overlay.gone)), dtype=np.uint8)
            with partial.open("wb") as file:
                np.savez(file, **overlay.changed.columns.arrays(), **{_GONE: gone})  # type: ignore[arg-type]
                file.flush()
                os.fsync(file.fileno())  # else a power cut may leave the name without the bytes
            partial.replace(self._folder / f"{position.epoch}-{position.number}.npz")
            for path in known:
                path.unlink(missing_ok=True)

    def recall(self) -> tuple[Position, Overlay]:
        """Return what was remembered last; nothing, nowhere, if that cannot be read."""
        try:
            with self._lock(fcntl.LOCK_SH):
                return self._newest()
        except OSError:  # no folder can be made there, or none be read
            return NOWHERE, NOTHING

    def _newest(self) -> tuple[Position, Overlay]:
        newest_first = sorted(self._known().items(), key=lambda k: -k[0].stat().st_mtime_ns)
        for path, position in newest_first:
            try:
                return position, _read(path)
            except _UNREADABLE:
                continue
        return NOWHERE, NOTHING

    def _known(self) -> dict[Path, Position]:
        found = {}
        for path in self._folder.glob("*-*.npz"):
            epoch, _, number = path.stem.rpartition("-")
            if number.isdigit():
                found[path] = Position(epoch, int(number))
        return found

    @contextmanager
    def _lock(self, kind: int) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / ".lock").open("w") as file:
            fcntl.flock(file, kind)
            yield


def _read(path: Path) -> Overlay:
    arrays: dict[str, NDArray[np.generic]] = {}
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        for name, (dtype, dimensions) in ARRAYS.items():
            arrays[name] = stored[name]
            if arrays[name].dtype != dtype or arrays[name].ndim != dimensions:
                msg = f"{name} is not of the kind that is remembered"
                raise ValueError(msg)
        gone = orjson.loads(stored[_GONE].tobytes())
    return Overlay(Catalogue(Columns.from_arrays(arrays)), frozenset(gone))
