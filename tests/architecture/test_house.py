"""What is tracked must build anywhere: no hosts, no machine paths, pins with hashes."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.support.repository import ROOT, tracked_files, tracked_texts

REGISTRY_HOSTS = re.compile(
    r"pypi[.]org|python[h]osted[.]org|deb[.]debian[.]org|registry[.]npmjs|crates[.]io"
    r"|repo1?[.]maven|proxy[.]golang|maven[.]apache[.]org/maven2"
)
PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+)")
ADR_SECTIONS = ["Status", "Context", "Decision", "Consequences", "Alternatives", "Enforced by"]
TRAINING_LIBRARIES = {
    "matplotlib",
    "pandas",
    "pyarrow",
    "rectools-lightfm",
    "scikit-learn",
    "scipy",
}


def requirements() -> list[Path]:
    return sorted((ROOT / "requirements").glob("*.txt"))


def pins(path: Path) -> dict[str, str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return {found["name"]: found["version"] for line in lines if (found := PIN.match(line))}


def test_no_registry_host_is_named() -> None:
    found = [name for name, text in tracked_texts() if REGISTRY_HOSTS.search(text)]

    assert found == []


def test_no_path_of_a_machine_is_named() -> None:
    machine = "|".join(re.escape(str(path)) for path in {ROOT, ROOT.parent / "shared", Path.home()})
    path_of_a_machine = re.compile(rf"(?<![\w.$}}-])(?:{machine}|/Users/\w+)(?![\w-])")

    found = [name for name, text in tracked_texts() if path_of_a_machine.search(text)]

    assert found == []


def test_uv_lock_stays_out_of_git() -> None:
    assert [path for path in tracked_files() if path.name == "uv.lock"] == []


def test_every_make_target_is_explained_in_its_help() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    phony = set(re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE))
    explained = set(re.findall(r"^([a-z%-]+):.*## \S", makefile, re.MULTILINE))

    assert phony == explained


@pytest.mark.parametrize("path", requirements(), ids=lambda path: path.name)
def test_every_pin_carries_a_hash_and_no_index_is_named(path: Path) -> None:
    # One requirement goes over several lines, each but the last ending in a backslash.
    logical_lines = path.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    wanted = [line for line in logical_lines if line and not line.lstrip().startswith("#")]

    assert wanted
    assert [line for line in wanted if not (PIN.match(line) and "--hash=sha256:" in line)] == []


@pytest.mark.parametrize("image", ["archive", "serve", "train"])
def test_an_image_installs_what_was_tested(image: str) -> None:
    tested = pins(ROOT / "requirements/dev.txt")
    installed = pins(ROOT / f"requirements/{image}.txt")

    assert installed.items() <= tested.items()


def test_the_serving_image_carries_no_training_library() -> None:
    assert TRAINING_LIBRARIES & set(pins(ROOT / "requirements/serve.txt")) == set()


def test_lightfm_runs_on_any_machine_of_its_kind() -> None:
    uv = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["uv"]

    assert uv["extra-build-variables"]["rectools-lightfm"] == {"LIGHTFM_NO_CFLAGS": "1"}
    for dockerfile in (path for path in tracked_files() if path.name == "Dockerfile"):
        assert "LIGHTFM_NO_CFLAGS=1" in dockerfile.read_text(encoding="utf-8")


def test_every_decision_is_recorded_in_full_and_indexed() -> None:
    records = sorted((ROOT / "docs/adr").glob("[0-9]*.md"))
    index = (ROOT / "docs/adr/README.md").read_text(encoding="utf-8")

    sections = {
        path.name: re.findall(r"^## (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        for path in records
    }

    assert records
    assert {name: found for name, found in sections.items() if found != ADR_SECTIONS} == {}
    assert [path.name for path in records if f"({path.name})" not in index] == []
