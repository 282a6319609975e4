"""Exit codes and messages: every way a command can end, through the door that users use."""

import subprocess
import sys
from importlib.metadata import EntryPoint

import pytest
from typer.testing import CliRunner, Result

from maitred.cli import GROUP, build

EXAMPLES = "tests.support.example_commands"
NAMES = ("well", "refused", "misnamed", "interrupted", "broken", "group", "absent")
POINTS = {name: EntryPoint(name, f"{EXAMPLES}:{name}", GROUP) for name in NAMES} | {
    "nowhere": EntryPoint("nowhere", "services.nowhere:nowhere", GROUP),
    "extra": EntryPoint("extra", "package_that_is_not_there:command", GROUP),
}


def run(*arguments: str) -> Result:
    return CliRunner().invoke(build(POINTS), list(arguments))


def test_a_command_that_is_done_exits_0() -> None:
    result = run("well", "--times", "2")

    assert (result.exit_code, result.stdout) == (0, "wellwell\n")


def test_a_typer_app_becomes_a_group_of_commands() -> None:
    result = run("group", "two")

    assert (result.exit_code, result.stdout) == (0, "two\n")


def test_a_refusal_exits_1_with_its_inputs_and_the_next_step() -> None:
    result = run("refused")

    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "maitred: the candidate loses to the champion",
        "  ndcg_10: 0.10 < 0.12",
        "next: run `maitred models gate V`",
    ]


@pytest.mark.parametrize("arguments", [("misnamed",), ("well", "--times", "x"), ("well", "--no")])
def test_wrong_usage_exits_2(arguments: tuple[str, ...]) -> None:
    result = run(*arguments)

    assert result.exit_code == 2
    assert "Traceback" not in result.stderr


def test_an_unknown_command_exits_2_and_names_the_nearest() -> None:
    result = run("refusd")

    assert result.exit_code == 2
    assert "'refused'" in result.stderr


def test_ctrl_c_exits_130_with_one_line() -> None:
    result = run("interrupted")

    assert (result.exit_code, result.stderr) == (130, "maitred: interrupted\n")


@pytest.mark.parametrize("name", ["absent", "nowhere"])
def test_a_command_that_is_not_installed_says_so_only_when_called(name: str) -> None:
    listing = run("--help")
    result = run(name)

    assert name in listing.stdout
    assert result.exit_code == 1
    assert f"'{name}' is not part of this installation" in result.stderr


def test_a_missing_package_is_named() -> None:
    result = run("extra")

    assert result.exit_code == 1
    assert "package_that_is_not_there" in result.stderr
    assert "pip install" in result.stderr


def test_a_defect_keeps_its_traceback() -> None:
    result = run("broken")

    assert isinstance(result.exception, RuntimeError)


def test_help_lists_every_command_without_importing_any() -> None:
    code = (
        "import sys; from maitred.cli import build\n"
        "try: build()(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'pandas', 'fastapi', 'services', 'training', 'pydantic'}\n"
        "sys.exit(str(heavy & sys.modules.keys()) if heavy & sys.modules.keys() else 0)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in ("train", "serve", "up", "status", "models"))


def test_the_version_is_shown() -> None:
    result = run("--version")

    assert result.exit_code == 0
    assert result.stdout.startswith("maitred ")
