"""Jars come from the lock, are checked at every start, and are fetched only when need be."""

import functools
import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from maitred.errors import StackRefused
from services.local.jars import KAFKA_VERSION, Jar, class_path, locked_jars

CONTENT = b"not a jar, but a file with a sum"
JAR = Jar("org.example", "tables", "1.0", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - theirs
        pass


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "repository"
    (folder / JAR.path).parent.mkdir(parents=True)
    (folder / JAR.path).write_bytes(CONTENT)
    handler = functools.partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_lock_names_the_broker_and_no_host() -> None:
    jars = locked_jars()

    assert f"kafka_2.13-{KAFKA_VERSION}.jar" in {jar.file_name for jar in jars}
    assert all(len(jar.sha256) == 64 and "://" not in jar.path for jar in jars)


def test_a_missing_jar_is_fetched_once(repository: str, tmp_path: Path) -> None:
    first = class_path(tmp_path / "cache", jars=(JAR,), repository=repository)
    second = class_path(tmp_path / "cache", jars=(JAR,), repository="http://127.0.0.1:1")

    assert first == second
    assert Path(first).read_bytes() == CONTENT


def test_a_jar_with_a_flipped_byte_is_fetched_again(repository: str, tmp_path: Path) -> None:
    jar = Path(class_path(tmp_path / "cache", jars=(JAR,), repository=repository))
    jar.write_bytes(b"X" + CONTENT[1:])

    class_path(tmp_path / "cache", jars=(JAR,), repository=repository)

    assert jar.read_bytes() == CONTENT


def test_a_jar_that_is_not_the_locked_one_is_refused(repository: str, tmp_path: Path) -> None:
    other = replace(JAR, sha256="0" * 64)

    with pytest.raises(StackRefused, match="SHA-256"):
        class_path(tmp_path / "cache", jars=(other,), repository=repository)

    assert not list(tmp_path.glob("cache/*/*.jar"))


def test_without_a_network_the_next_step_names_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(StackRefused, match=r"tables-1\.0\.jar") as refusal:
        class_path(tmp_path / "cache", jars=(JAR,), repository="http://127.0.0.1:1")

    assert "MAITRED_KAFKA_BOOTSTRAP" in (refusal.value.next_step or "")
