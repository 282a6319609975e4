"""Runs training's commands through the door that people use."""

from pathlib import Path

from typer.testing import CliRunner

from maitred.cli import build
from tests.support.datasets import Ran


def run_maitred(
    *arguments: object,
    redis_url: str | None = None,
    state_dir: Path | None = None,
    pseudonym_key: str | None = None,
) -> Ran:
    """Run `maitred …` in this process; the named settings are its environment's."""
    environment = {"MAITRED_REDIS_URL": redis_url} if redis_url else {}
    if pseudonym_key is not None:
        environment["MAITRED_PSEUDONYM_KEY"] = pseudonym_key
    if state_dir is not None:
        environment["MAITRED_STATE_DIR"] = str(state_dir)
    result = CliRunner().invoke(build(), [str(a) for a in arguments], env=environment)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Ran(result.exit_code, result.stdout, result.stderr)


def published_version(output: str) -> str:
    """Return the version that `models publish` printed."""
    return next(word for word in output.split() if word.startswith(("clicks-", "revenue-")))


def lines_of(file: Path) -> list[str]:
    """Return a file's lines."""
    return file.read_text(encoding="utf-8").splitlines()
