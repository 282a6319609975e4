"""Models in Redis: published whole, promoted through their gates, rolled back in one step.

A version becomes visible last: its chunks and diner rows are written first, then its manifest,
verdict and name in one transaction, so that nobody can see half a model. Only the pointer
``{models}:current`` says what is served. Nothing here judges a model: `training.promotion` does,
and leaves its verdict here.
"""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

from pydantic import ValidationError
from redis import WatchError
from redis.client import Pipeline

from maitred.artifact import Manifest, Verdict, load, read_manifest
from maitred.artifact.folder import MANIFEST, verify
from maitred.artifact.manifest import FileEntry, encode, parse, version_of
from maitred.errors import CorruptArtifact, GateRefused, NotFound, Overloaded, Refused
from maitred.store import keys, rows
from maitred.store.client import Redis, translated
from maitred.store.pointer import Current, decode_pointer, encode_pointer

__all__ = [
    "Current",
    "chunk_count",
    "current",
    "download",
    "has_version",
    "manifest",
    "promote",
    "publish",
    "record_verdict",
    "rollback",
    "verdict",
    "versions",
]

_ATTEMPTS = 10
_ALL_ROLES = frozenset({"model", "diners"})


def chunk_count(entry: FileEntry) -> int:
    """Return into how many chunks a file is cut; an empty file has none."""
    return -(-entry.bytes // keys.CHUNK_BYTES)


def publish(redis: Redis, folder: Path, verdict: Verdict, *, erasure_key: str | None = None) -> str:
    """Write a model folder and its gates' verdict to Redis; return its version.

    Sums and shapes are checked first. Publishing the same folder again changes nothing but the
    verdict. Nothing is served from it until :func:`promote`. Of diners who asked to be forgotten,
    known by ``erasure_key``, no row stays that knows anything from before.

    Raises:
        NotFound: if the folder holds no model.
        Refused: if diners were erased, and there is no key to tell who.
        CorruptArtifact: if sums, shapes or numbers are wrong.
        StoreUnavailable: if Redis is away; what was written until then is invisible.
    """
    version, described = read_manifest(folder)
    verify(folder, described, roles=_ALL_ROLES)
    load(folder, verified=True)
    with translated():
        for name, entry in sorted(described.files.items()):
            if entry.role == "model":
                _write_chunks(redis, version, folder / name)
        rows.write(redis, version, folder, erasure_key)
        with redis.pipeline(transaction=True) as trip:
            trip.set(keys.manifest(version), (folder / MANIFEST).read_bytes())
            trip.set(keys.gates(version), verdict.model_dump_json())
            trip.sadd(keys.VERSIONS, version)
            trip.execute()
        rows.forget(redis, version, folder, erasure_key)  # who was erased while they were written
    return version


def _write_chunks(redis: Redis, version: str, file: Path) -> None:
    with file.open("rb") as stream:
        number = 0
        while part := stream.read(keys.CHUNK_BYTES):
            redis.set(keys.chunk(version, file.name, number), part)
            number += 1


def versions(redis: Redis) -> list[str]:
    """Return every published version, sorted."""
    with translated():
        members = redis.smembers(keys.VERSIONS)
    return sorted(m if isinstance(m, str) else m.decode() for m in members)


def has_version(redis: Redis, version: str) -> bool:
    """Whether a version is published whole."""
    with translated():
        return bool(redis.sismember(keys.VERSIONS, version))


def manifest(redis: Redis, version: str) -> Manifest:
    """Return a published version's manifest.

    Raises:
        NotFound: if it is not published.
        CorruptArtifact: if its bytes are not those that its version names.
    """
    with translated():
        raw = _get(redis, keys.manifest(version))
    if raw is None:
        raise _unknown(version)
    described = parse(raw)
    if version_of(raw, described.objective) != version:
        msg = f"the manifest stored for {version} is another one's"
        raise CorruptArtifact(msg, next_step="publish the model again")
    return described


def verdict(redis: Redis, version: str) -> Verdict | None:
    """Return what the gates last said of a version; None: they never judged it."""
    with translated():
        raw = _get(redis, keys.gates(version))
    return None if raw is None else _verdict_of(raw, version)


def _verdict_of(raw: bytes, version: str) -> Verdict:
    try:
        return Verdict.model_validate_json(raw)
    except ValidationError as error:
        msg = f"the verdict stored for {version} cannot be read"
        raise CorruptArtifact(msg, next_step=f"run `maitred models gate {version}`") from error


def record_verdict(redis: Redis, version: str, verdict: Verdict) -> None:
    """Replace the verdict about a published version.

    Raises:
        NotFound: if it is not published.
    """
    if not has_version(redis, version):
        raise _unknown(version)
    with translated():
        redis.set(keys.gates(version), verdict.model_dump_json())


def download(redis: Redis, version: str, folder: Path) -> None:
    """Write a published version's manifest and arrays of role ``model`` into ``folder``.

    The folder must exist; sums are compared. Diner rows stay in Redis. A program that shows the
    folder to others gives a temporary one and renames it.

    Raises:
        NotFound: if the version is not published.
        CorruptArtifact: if a chunk is missing or a sum differs.
    """
    described = manifest(redis, version)
    (folder / MANIFEST).write_bytes(encode(described))
    for name, entry in sorted(described.files.items()):
        if entry.role != "model":
            continue
        digest = hashlib.sha256()
        with (folder / name).open("wb") as stream:
            for part in _chunks(redis, version, name, entry):
                digest.update(part)
                stream.write(part)
        if digest.hexdigest() != entry.sha256:
            msg = f"{name} of {version} differs from its sha256 in Redis"
            raise CorruptArtifact(msg, next_step="publish the model again")


def _chunks(redis: Redis, version: str, name: str, entry: FileEntry) -> Iterator[bytes]:
    for number in range(chunk_count(entry)):
        with translated():
            part = _get(redis, keys.chunk(version, name, number))
        if part is None:
            msg = f"chunk {number} of {name} of {version} is missing in Redis"
            raise CorruptArtifact(msg, next_step="publish the model again")
        yield part


def current(redis: Redis) -> Current:
    """Return which versions are served; both None before the first promotion."""
    with translated():
        return decode_pointer(_get(redis, keys.CURRENT))


def promote(redis: Redis, version: str) -> Current:
    """Serve a version from now on, if its gates passed against the model that is served now.

    The pointer flips by compare-and-set. Promoting what is served already changes nothing.

    Raises:
        NotFound: if the version is not published.
        GateRefused: if the verdict fails, is missing or names another champion.
    """
    objective = manifest(redis, version).objective

    def flipped(before: Current, gates: bytes | None) -> Current:
        if before.version(objective) == version:
            return before
        _refuse_unless_passed(version, gates, before.version(objective))
        return before.promoted(objective, version)

    return _flip(redis, flipped, watched=keys.gates(version))


def _refuse_unless_passed(version: str, gates: bytes | None, champion: str | None) -> None:
    advice = f"run `maitred models gate {version}`"
    if gates is None:
        msg = f"no gates have judged {version}"
        raise GateRefused(msg, next_step=advice)
    judged = _verdict_of(gates, version)
    if not judged.passed:
        reasons = "; ".join(c.reason for c in judged.checks if not c.passed) or "no check passed"
        msg = f"the gates refuse {version}: {reasons}"
        raise GateRefused(
            msg, next_step=f"train a better one; `maitred models show {version}` lists every check"
        )
    if judged.champion != champion:
        msg = (
            f"{version} was judged against {judged.champion or 'no champion'}, "
            f"but {champion or 'no model'} is served now"
        )
        raise GateRefused(msg, next_step=advice)


def rollback(redis: Redis, objective: str | None = None) -> Current:
    """Serve the version before the last promotion again; a second call returns.

    ``objective`` None takes the one that changed last.

    Raises:
        Refused: if there is nothing to go back to.
    """

    def flipped(before: Current, _gates: bytes | None) -> Current:
        chosen = objective or before.changed
        target = before.previous(chosen) if chosen else None
        if chosen is None or target is None:
            msg = f"there is no earlier {chosen or ''} model to roll back to".replace("  ", " ")
            raise Refused(msg, next_step="`maitred models list` shows what is published")
        if not redis.sismember(keys.VERSIONS, target):
            msg = f"{target}, the model before, is not published any more"
            raise Refused(msg, next_step="publish and promote another one")
        return before.promoted(chosen, target)

    return _flip(redis, flipped, watched=None)


def _flip(
    redis: Redis, flipped: Callable[[Current, bytes | None], Current], *, watched: str | None
) -> Current:
    """Compare and set the pointer; both keys lie in one slot, so this works on a cluster."""
    with translated(), redis.pipeline(transaction=True) as trip:
        for _ in range(_ATTEMPTS):
            before, gates = _watch(trip, watched)
            after = flipped(before, gates)
            if after == before:
                return before
            trip.multi()
            trip.set(keys.CURRENT, encode_pointer(after))
            try:
                trip.execute()
            except WatchError:
                continue
            return after
    msg = "others kept moving the pointer to the current models"
    raise Overloaded(msg, next_step="try again")


def _watch(trip: Pipeline, watched: str | None) -> tuple[Current, bytes | None]:
    trip.watch(keys.CURRENT, *([watched] if watched else []))  # type: ignore[no-untyped-call]
    before = decode_pointer(_get(trip, keys.CURRENT))
    return before, _get(trip, watched) if watched else None


def _get(redis: Redis, key: str) -> bytes | None:
    """Return a key's bytes; the client never decodes them, whatever its type says."""
    raw = redis.get(key)
    return raw.encode() if isinstance(raw, str) else raw


def _unknown(version: str) -> NotFound:
    msg = f"there is no published model {version}"
    return NotFound(msg, next_step="`maitred models list` shows those there are")
