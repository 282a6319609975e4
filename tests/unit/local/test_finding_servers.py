"""Where servers are found, and what a person is told when there is none."""

from pathlib import Path

import pytest

from maitred.errors import StackRefused
from services.local.java import Java, find_java
from services.local.valkey import find_valkey


def put_on_path(folder: Path, name: str, script: str = "exit 0") -> str:
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return str(folder)


def test_the_packaged_servers_are_found() -> None:
    assert find_valkey().is_file()
    assert find_java().executable.is_file()


@pytest.mark.parametrize("name", ["valkey-server", "redis-server"])
def test_without_the_package_a_server_of_the_path_is_taken(tmp_path: Path, name: str) -> None:
    path = put_on_path(tmp_path, name)

    assert find_valkey(packaged=False, search_path=path) == tmp_path / name


def test_without_any_server_the_next_step_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(StackRefused) as refusal:
        find_valkey(packaged=False, search_path=str(tmp_path))

    assert "MAITRED_REDIS_URL" in (refusal.value.next_step or "")


@pytest.mark.parametrize(
    ("said", "release"),
    [('openjdk version "17.0.15" 2025-04-15', 17), ('java version "25" 2025-09-16', 25)],
)
def test_a_java_of_the_path_is_taken_when_it_is_new_enough(
    tmp_path: Path, said: str, release: int
) -> None:
    path = put_on_path(tmp_path, "java", f"echo '{said}' >&2")

    assert find_java(packaged=False, search_path=path) == Java(tmp_path / "java", release)


@pytest.mark.parametrize("said", ['java version "1.8.0_392"', "who are you?", ""])
def test_an_old_or_missing_java_is_refused(tmp_path: Path, said: str) -> None:
    path = put_on_path(tmp_path, "java", f"echo '{said}' >&2") if said else str(tmp_path)

    with pytest.raises(StackRefused, match="Java 17 or later") as refusal:
        find_java(packaged=False, search_path=path)

    assert "MAITRED_KAFKA_BOOTSTRAP" in (refusal.value.next_step or "")


def test_an_old_java_is_not_given_options_that_it_does_not_know() -> None:
    old, new = Java(Path("java"), 17).options, Java(Path("java"), 25).options

    assert set(old) < set(new)
    assert not any("unsafe" in option for option in old)
