"""Finding, checking and, if need be, downloading the raw Entree files.

Every file is compared with a committed sha256 before anything reads it, wherever it came from.
"""

import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import Final

import httpx

from maitred.errors import Refused, Unavailable

__all__ = ["ENTREE_URL", "download_entree", "entree_sums", "find_entree", "search_path", "verify"]

ENTREE_URL: Final = (
    "https://archive.ics.uci.edu/static/public/123/entree+chicago+recommendation+data.zip"
)
"""The set's public home."""

_FOLDER: Final = "entree-chicago"
_LARGEST_BYTES: Final = 64 * 1024 * 1024
_ARCHIVES: Final = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.z")


def entree_sums() -> dict[str, str]:
    """Return the sha256 of each raw file that the reader needs, by path inside the set."""
    text = (resources.files("training.dataset.sources") / "entree_files.json").read_text("utf-8")
    sums: dict[str, str] = json.loads(text)
    return sums


def search_path(data_dir: Path | None) -> tuple[Path, ...]:
    """Return where the set is looked for: the setting, then ``data/``, then beside the repository."""
    homes = [Path("data"), Path("../shared/data")]
    return tuple(home / _FOLDER for home in ([data_dir] if data_dir else []) + homes)


def find_entree(places: Sequence[Path]) -> Path | None:
    """Return the first place that holds the set, checked; None if none does.

    Raises:
        Refused: if a place holds it with a file missing or changed.
    """
    for place in places:
        if (place / "session").is_dir():
            verify(place, entree_sums())
            return place
    return None


def verify(folder: Path, sums: Mapping[str, str]) -> None:
    """Compare files with their sha256.

    Raises:
        Refused: naming each file that is missing or differs.
    """
    wrong = [
        f"{name}: {state}" for name, sha in sums.items() if (state := _state(folder / name, sha))
    ]
    if wrong:
        msg = f"{folder} is not the published set: {'; '.join(wrong)}"
        raise Refused(msg, next_step=f"replace these files, or remove {folder} to download the set")


def _state(file: Path, sha: str) -> str | None:
    if not file.is_file():
        return "missing"
    return None if hashlib.sha256(file.read_bytes()).hexdigest() == sha else "has another sha256"


def download_entree(
    folder: Path, *, url: str = ENTREE_URL, advance: Callable[[int], None] = lambda _: None
) -> Path:
    """Download the set into ``folder`` and return it; ``advance`` is told the bytes that arrive.

    Raises:
        Unavailable: if the set's home cannot be reached.
        Refused: if what arrives is not the published set, file by file.
    """
    body = _download(url, advance)
    wanted = {PurePosixPath(name).name: name for name in entree_sums()}
    found = {
        wanted[PurePosixPath(path).name]: content
        for path, content in _members(url, body)
        if PurePosixPath(path).name in wanted
    }
    for name, content in found.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    verify(folder, entree_sums())
    return folder


def _download(url: str, advance: Callable[[int], None]) -> bytes:
    arrived = bytearray()
    try:
        with httpx.stream("GET", url, follow_redirects=True, timeout=30.0) as reply:
            reply.raise_for_status()
            for piece in reply.iter_bytes():
                arrived += piece
                advance(len(piece))
                if len(arrived) > _LARGEST_BYTES:
                    msg = f"{url} sent over {_LARGEST_BYTES} bytes; the set is smaller"
                    raise Refused(msg, next_step="download the set by hand; docs/data.md says how")
    except httpx.HTTPError as error:
        msg = f"Entree is not on this machine, and {url} cannot be reached: {error}"
        step = (
            "put the set into data/entree-chicago or name its folder's parent in MAITRED_DATA_DIR; "
            "or work on `maitred data synth`"
        )
        raise Unavailable(msg, next_step=step) from error
    return bytes(arrived)


def _members(name: str, body: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield every file of an archive, archives inside it opened too."""
    try:
        members = list(_unzip(body) if zipfile.is_zipfile(io.BytesIO(body)) else _untar(body))
    except (zipfile.BadZipFile, tarfile.TarError) as error:
        msg = f"{name} is neither a zip nor a tar archive"
        raise Refused(msg, next_step="download the set by hand; docs/data.md says how") from error
    for path, content in members:
        if path.lower().endswith(_ARCHIVES):
            yield from _members(path, content)
        else:
            yield path, content


def _unzip(body: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        for entry in archive.infolist():
            if not entry.is_dir() and entry.file_size <= _LARGEST_BYTES:
                yield entry.filename, archive.read(entry)


def _untar(body: bytes) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(body), mode="r:*") as archive:
        for entry in archive:
            stream = archive.extractfile(entry) if entry.size <= _LARGEST_BYTES else None
            if stream is not None:
                yield entry.name, stream.read()
