"""Downloading Entree, from a server on this machine that stands in for the set's public home."""

import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typing_extensions import override

from maitred.errors import Refused, Unavailable
from training.dataset.fetch import download_entree, entree_sums, find_entree


class QuietHandler(SimpleHTTPRequestHandler):
    @override
    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    handler = partial(QuietHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def packed(entree_files: Path, folder: Path) -> Path:
    """Write the set as its home does: a zip that holds a tar, with folders of other names."""
    inner = io.BytesIO()
    with tarfile.open(fileobj=inner, mode="w:gz") as tar:
        for name in entree_sums():
            tar.add(entree_files / name, arcname=f"entree/data/{Path(name).name}")
    with zipfile.ZipFile(folder / "set.zip", "w") as archive:
        archive.writestr("entree_data.tar.gz", inner.getvalue())
        archive.writestr("Index", "entree_data.tar.gz")
    return folder


def test_a_downloaded_set_is_unpacked_and_checked(entree_files: Path, tmp_path: Path) -> None:
    arrived = list[int]()

    with serving(packed(entree_files, tmp_path)) as home:
        found = download_entree(tmp_path / "raw", url=f"{home}/set.zip", advance=arrived.append)

    assert find_entree([tmp_path / "nowhere", found]) == tmp_path / "raw"
    assert sum(arrived) == (tmp_path / "set.zip").stat().st_size


def test_another_archive_than_the_set_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr("session/session.1996-q3", "something else")

    with serving(tmp_path) as home, pytest.raises(Refused, match=r"session\.1996-q3: has another"):
        download_entree(tmp_path / "raw", url=f"{home}/set.zip")


def test_a_page_instead_of_an_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "set.zip").write_text("<html>moved</html>")

    with serving(tmp_path) as home, pytest.raises(Refused, match="neither a zip nor a tar"):
        download_entree(tmp_path / "raw", url=f"{home}/set.zip")


def test_a_home_that_does_not_have_it_says_what_to_do_instead(tmp_path: Path) -> None:
    with serving(tmp_path) as home, pytest.raises(Unavailable, match="404") as refusal:
        download_entree(tmp_path / "raw", url=f"{home}/set.zip")

    assert "MAITRED_DATA_DIR" in (refusal.value.next_step or "")
    assert find_entree([tmp_path / "raw"]) is None
