"""A model on disk: ``manifest.json`` and one ``.npy`` file an array, checked when read."""

import hashlib
import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maitred.artifact import manifest as manifests
from maitred.artifact.diners import DinerRow
from maitred.artifact.manifest import FileEntry, Manifest
from maitred.artifact.model import Arrays, Model
from maitred.catalogue import ARRAYS, texts
from maitred.errors import CorruptArtifact, NotFound

__all__ = ["MANIFEST", "SCHEMA", "check", "file_entries", "load", "npy_bytes", "read_diners",
           "read_manifest", "save", "verify"]  # fmt: skip

MANIFEST = "manifest.json"

_PAGE_BYTES = 4096
_PIECE = 1 << 20

SCHEMA: dict[str, tuple[str, int]] = {
    **{f"catalogue_{name}": kind for name, kind in ARRAYS.items()},
    "vectors": ("float32", 2),
    "neighbours_indptr": ("int64", 1),
    "neighbours_items": ("int32", 1),
    "neighbours_weights": ("float32", 1),
    "popularity": ("float32", 1),
    "choices": ("float32", 1),
    "values": ("float32", 1),
    "popular_order": ("int32", 1),
    "popular_rank": ("int32", 1),
    "segments_keys": ("uint8", 1),
    "segments_key_offsets": ("int64", 1),
    "segments_indptr": ("int64", 1),
    "segments_items": ("int32", 1),
    "segments_scores": ("float32", 1),
    "diners_ids": ("uint8", 1),
    "diners_id_offsets": ("int64", 1),
    "diners_indptr": ("int64", 1),
    "diners_items": ("int32", 1),
    "diners_at": ("float64", 1),
    "diners_choices": ("float32", 1),
    "diners_vectors": ("float32", 2),
}
"""Every array of the artefact: dtype and number of dimensions."""


def npy_bytes(array: NDArray[np.generic]) -> bytes:
    """Return an array as the bytes of a ``.npy`` file."""
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def file_entries(arrays: Arrays) -> dict[str, FileEntry]:
    """Return the manifest's ``files`` for these arrays."""
    entries = {}
    for name, array in arrays.items():
        raw = npy_bytes(array)
        entries[f"{name}.npy"] = FileEntry(
            sha256=hashlib.sha256(raw).hexdigest(),
            bytes=len(raw),
            dtype=str(array.dtype),
            shape=list(array.shape),
            role="diners" if name.startswith("diners_") else "model",
        )
    return entries


def save(folder: Path, manifest: Manifest, arrays: Arrays) -> str:
    """Write a model folder whole or not at all; return its version.

    An existing folder is replaced.
    """
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name, array in arrays.items():
        (partial / f"{name}.npy").write_bytes(npy_bytes(array))
    raw = manifests.encode(manifest)
    (partial / MANIFEST).write_bytes(raw)
    shutil.rmtree(folder, ignore_errors=True)
    partial.replace(folder)
    return manifests.version_of(raw, manifest.objective)


def read_manifest(folder: Path) -> tuple[str, Manifest]:
    """Return a folder's version and manifest.

    Raises:
        NotFound: if there is no manifest.
        CorruptArtifact: if it cannot be read.
    """
    try:
        raw = (folder / MANIFEST).read_bytes()
    except FileNotFoundError as error:
        msg = f"{folder} holds no model: {MANIFEST} is missing"
        raise NotFound(msg, next_step="train one: maitred train --help") from error
    manifest = manifests.parse(raw)
    return manifests.version_of(raw, manifest.objective), manifest


def verify(folder: Path, manifest: Manifest, *, roles: frozenset[str]) -> None:
    """Compare the files of these roles with the manifest's sums.

    Raises:
        CorruptArtifact: naming the first file that is missing or differs.
    """
    for name, entry in sorted(manifest.files.items()):
        if entry.role not in roles:
            continue
        try:
            with (folder / name).open("rb") as file:
                digest = hashlib.file_digest(file, "sha256")
        except OSError as error:
            msg = f"{name} of the model in {folder} cannot be read"
            raise CorruptArtifact(msg, next_step="publish or train it again") from error
        if digest.hexdigest() != entry.sha256:
            msg = f"{name} of the model in {folder} differs from its sha256"
            raise CorruptArtifact(msg, next_step="publish or train it again")


def load(folder: Path, *, verified: bool = False) -> Model:
    """Map a model folder into memory and check it.

    ``verified`` skips the sums (the loader has just compared them); shapes and numbers are
    always checked. Arrays are read-only maps, shared between processes, and every page is there.

    Raises:
        NotFound: if there is no model.
        CorruptArtifact: if sums, shapes, types or numbers are wrong.
    """
    version, manifest = read_manifest(folder)
    if not verified:
        verify(folder, manifest, roles=frozenset({"model"}))
    arrays = {
        name: _map(folder / f"{name}.npy", name)
        for name in SCHEMA
        if not name.startswith("diners_")
    }
    for array in arrays.values():
        _touch(array)
    try:
        model = Model.from_arrays(version, manifest, arrays)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        msg = f"the arrays of the model in {folder} do not fit together"
        raise CorruptArtifact(msg, next_step="publish or train it again") from error
    check(model)
    return model


def read_diners(folder: Path) -> Iterator[tuple[str, DinerRow]]:
    """Yield (user id, row) for every diner of a model folder, in order of id."""
    arrays = {n: _map(folder / f"{n}.npy", n) for n in SCHEMA if n.startswith("diners_")}
    users = texts.unpack(arrays["diners_ids"], arrays["diners_id_offsets"])  # type: ignore[arg-type]
    cuts = arrays["diners_indptr"].tolist()
    for i, user in enumerate(users):
        span = slice(cuts[i], cuts[i + 1])
        yield (
            user,
            DinerRow(
                arrays["diners_items"][span],  # type: ignore[arg-type]
                arrays["diners_at"][span],  # type: ignore[arg-type]
                arrays["diners_choices"][span],  # type: ignore[arg-type]
                arrays["diners_vectors"][i],
            ),
        )


def check(model: Model) -> None:
    """Refuse a model that would break serving: shapes, ranges, numbers.

    Raises:
        CorruptArtifact: naming the array at fault.
    """
    n = len(model.catalogue)
    faults = {
        "vectors": model.vectors.shape[0] != n,
        "neighbours_indptr": model.neighbours_indptr.shape != (n + 1,),
        "neighbours_items": not _within(model.neighbours_items, n),
        "popularity": model.popularity.shape != (n,),
        "choices": model.choices.shape != (n,),
        "values": model.values.shape != (n,) or bool((model.values <= 0).any()),
        "popular_order": model.popular_order.shape != (n,) or not _within(model.popular_order, n),
        "popular_rank": model.popular_rank.shape != (n,),
        "segments_items": not all(_within(s.items, n) for s in model.segments.values()),
        "ranker": len(model.manifest.ranker.features) != model.weights.size,
    }
    for name in ("vectors", "neighbours_weights", "popularity", "choices", "values", "weights"):
        faults[name] = faults.get(name, False) or not _is_finite(getattr(model, name))
    for name, is_wrong in faults.items():
        if is_wrong:
            msg = f"model {model.version}: {name} has a wrong shape, index or number"
            raise CorruptArtifact(msg, next_step="the old model stays; train or publish again")


def _is_finite(array: NDArray[np.floating]) -> bool:
    """Look at a piece at a time: the answers about a large array need memory too."""
    flat = array.reshape(-1)
    return all(bool(np.isfinite(flat[i : i + _PIECE]).all()) for i in range(0, flat.size, _PIECE))


def _touch(array: NDArray[np.generic]) -> None:
    """Read a byte of every page, so that no request waits for the disk."""
    if array.size:
        np.frombuffer(array, dtype=np.uint8)[::_PAGE_BYTES].sum()


def _within(items: NDArray[np.int32], n: int) -> bool:
    return items.size == 0 or (int(items.min()) >= 0 and int(items.max()) < n)


def _map(path: Path, name: str) -> NDArray[np.generic]:
    dtype, dimensions = SCHEMA[name]
    try:
        array: NDArray[np.generic] = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError as error:
        msg = f"{path} is missing"
        raise CorruptArtifact(msg, next_step="publish or train it again") from error
    except ValueError:
        try:  # an empty array has nothing to map
            array = np.load(path, allow_pickle=False)
        except (ValueError, OSError, EOFError) as error:
            msg = f"{path} is not a .npy file"
            raise CorruptArtifact(msg, next_step="publish or train it again") from error
    if str(array.dtype) != dtype or array.ndim != dimensions:
        msg = f"{path} holds {array.dtype} in {array.ndim} dimensions, not {dtype} in {dimensions}"
        raise CorruptArtifact(msg, next_step="publish or train it again")
    return np.asarray(array)
