"""The import contracts of pyproject.toml are kept, and no module escapes them."""

import tomllib
from typing import Any

from click.testing import CliRunner
from importlinter.cli import lint_imports_command

from tests.support.repository import ROOT, ROOT_PACKAGES

PYPROJECT = ROOT / "pyproject.toml"
OUTSIDE = {"docs", "loadtests", "requirements", "tests"}  # beside the packages, never installed


def linter_settings() -> dict[str, Any]:
    return tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["tool"]["importlinter"]


def test_every_import_contract_is_kept() -> None:
    arguments = ["--config", str(PYPROJECT), "--no-logo", "--no-cache"]

    result = CliRunner().invoke(lint_imports_command, arguments)

    assert result.exit_code == 0, result.output


def test_the_root_packages_are_three_and_all_are_linted() -> None:
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - OUTSIDE

    assert packages == set(ROOT_PACKAGES)
    assert linter_settings()["root_packages"] == list(ROOT_PACKAGES)


def test_every_container_is_exhaustive_and_every_root_package_is_one() -> None:
    rooms = [
        contract
        for contract in linter_settings()["contracts"]
        if contract["type"] == "layers" and "containers" in contract
    ]

    assert [contract["name"] for contract in rooms if not contract.get("exhaustive")] == []
    assert {name for contract in rooms for name in contract["containers"]} >= set(ROOT_PACKAGES)
