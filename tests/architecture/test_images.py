"""What the Dockerfile builds can run what it is for, as nobody in particular, and carries nothing else."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from fnmatch import fnmatch
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from maitred.settings import PREFIX, Settings
from services.local.programs import PROGRAMS
from tests.support import dockerfile
from tests.support.compose import document, ours
from tests.support.repository import ROOT, ROOT_PACKAGES, tracked_files

IMAGES = ("archive", "serve", "train")
PIN = re.compile(r"^([A-Za-z0-9._-]+)==", re.MULTILINE)

# Imports what an image must be able to import, while every package that it lacks is made unfindable.
IMPORT_EVERYTHING = """
import importlib, pkgutil, sys
lacking, roots = set(sys.argv[1].split(",")), sys.argv[2:]
class Wall:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in lacking:
            raise ModuleNotFoundError(f"{name} is not in this image", name=name)
sys.meta_path.insert(0, Wall())
for root in roots:
    package = importlib.import_module(root)
    for module in pkgutil.walk_packages(getattr(package, "__path__", ()), root + "."):
        importlib.import_module(module.name)
"""
PROGRAMS_OF = {
    "serve": ("services.inference", "services.ingest"),
    "archive": ("services.consumers", "maitred.archive"),
    "train": ("training", "services.consumers"),
}


@pytest.fixture(params=IMAGES)
def image(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def installed(image: str) -> set[str]:
    """Names of the distributions in the image, ours aside."""
    texts = (
        (ROOT / f"requirements/{name}.txt").read_text("utf-8")
        for name in dockerfile.requirement_files(image)
    )
    return {normal(name) for text in texts for name in PIN.findall(text)}


def normal(name: str) -> str:
    """One spelling of a distribution's name."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_there_is_an_image_for_each_extra_that_is_deployed() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    built = [name for name in dockerfile.stages() if not name.endswith(("build", "runtime"))]

    assert sorted(built) == list(IMAGES)
    assert set(IMAGES) <= set(extras["optional-dependencies"])
    assert {service.target for service in ours().values()} == set(IMAGES)


def test_an_image_installs_the_pins_of_its_extra(image: str) -> None:
    assert image in dockerfile.requirement_files(image)
    for stage in dockerfile.stages().values():
        for line in stage.says("RUN"):
            installs = [part for part in line.split("&&") if "install" in part and "-r " in part]
            assert all("--require-hashes" in part for part in installs), line


def test_an_image_imports_its_programs_with_what_it_carries(image: str) -> None:
    carried = installed(image)
    lacking = {
        module
        for module, distributions in packages_distributions().items()
        if not {normal(name) for name in distributions} & {*carried, "maitred"}
    }

    done = subprocess.run(
        [sys.executable, "-c", IMPORT_EVERYTHING, ",".join(lacking), *PROGRAMS_OF[image]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


def test_the_wheel_in_the_images_carries_every_file_of_the_packages(tmp_path: Path) -> None:
    build = "import setuptools.build_meta as b, sys; print(b.build_wheel(sys.argv[1]))"
    packaged = [
        path for path in tracked_files() if path.relative_to(ROOT).parts[0] in ROOT_PACKAGES
    ]
    for path in [ROOT / "pyproject.toml", *packaged]:
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)

    subprocess.run(
        [sys.executable, "-c", build, str(tmp_path)], cwd=tmp_path, check=True, capture_output=True
    )
    (wheel,) = tmp_path.glob("*.whl")
    carried = set(zipfile.ZipFile(wheel).namelist())

    assert {path.relative_to(ROOT).as_posix() for path in packaged} <= carried


def test_an_image_runs_as_nobody_in_particular_and_stops_on_sigterm(image: str) -> None:
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", dockerfile.last(image, "USER") or "")
    assert dockerfile.last(image, "STOPSIGNAL") == "SIGTERM"
    assert dockerfile.last(image, "ENTRYPOINT") == '["maitred"]'


def test_an_image_by_itself_runs_a_program_and_asks_for_its_health(image: str) -> None:
    environment = dockerfile.environment(image)
    exposed = (dockerfile.last(image, "EXPOSE") or "").split()
    by_command = {tuple(ours()[program.name].body["command"]): program for program in PROGRAMS}

    program = by_command[tuple(dockerfile.command(image))]
    port = environment[PREFIX + program.port_field.upper()]

    assert f"'http://127.0.0.1:{port}{program.health_path}'" in (
        dockerfile.last(image, "HEALTHCHECK") or ""
    )
    assert port in exposed


def test_variables_of_an_image_are_settings(image: str) -> None:
    names = {name for name in dockerfile.environment(image) if name.startswith(PREFIX)}

    assert names <= {PREFIX + field.upper() for field in Settings.model_fields}


def test_what_is_copied_is_there_and_not_ignored() -> None:
    allowed = [line[1:] for line in ignore_lines() if line.startswith("!")]
    copied = [
        source
        for stage in dockerfile.stages().values()
        for line in stage.says("COPY")
        if "--from=" not in line
        for source in line.split()[:-1]
    ]

    assert copied
    assert [path for path in copied if not (ROOT / path).exists()] == []
    assert [path for path in copied if Path(path).parts[0] not in allowed] == []


def test_only_what_is_copied_is_sent_to_the_engine() -> None:
    lines = ignore_lines()

    assert lines[0] == "*"
    assert not any(fnmatch(".git", line[1:]) for line in lines if line.startswith("!"))


def ignore_lines() -> list[str]:
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_images_are_named_without_a_registry() -> None:
    arguments = dict(
        line.removeprefix("ARG ").split("=", 1)
        for line in dockerfile.logical_lines((ROOT / "Dockerfile").read_text("utf-8"))
        if line.startswith("ARG ")
    )
    parents = {stage.parent for stage in dockerfile.stages().values()} - {*dockerfile.stages()}
    named = [body["image"] for body in document()["services"].values()]

    bases = [re.sub(r"\$\{(\w+)\}", lambda found: arguments[found[1]], name) for name in parents]

    assert bases
    assert [
        name for name in [*bases, *named] if "." in name.partition("/")[0].partition(":")[0]
    ] == []
    assert [name for name in [*bases, *named] if ":" not in name or name.endswith(":latest")] == []
