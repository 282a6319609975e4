"""Generators as processes of their own: locust must be first in its, and an open loop alone in its."""

import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson
from rich.console import Console
from rich.progress import Progress

from loadtests.record import Record
from maitred.client import Aim
from maitred.errors import Refused
from maitred.settings import child_environment

__all__ = ["locust", "offer", "run_child"]

LOCUSTFILE = Path(__file__).with_name("locustfile.py")
ROOT = Path(__file__).parents[1]
_POLL_S = 0.2
_VOID = 3


def run_child(
    command: Sequence[str],
    *,
    label: str,
    seconds: float,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, with a bar on stderr that expects it to take ``seconds``.

    It works in the caller's folder, so that a relative path means the same file to both.
    """
    env = {**(environment or child_environment()), "PYTHONPATH": str(ROOT)}
    console = Console(stderr=True)
    with (
        tempfile.TemporaryFile("w+") as out,
        tempfile.TemporaryFile("w+") as err,
        Progress(console=console, transient=True, disable=not console.is_terminal) as progress,
    ):
        bar = progress.add_task(label, total=seconds)
        with subprocess.Popen(  # noqa: S603  # our own programs, no shell
            command, stdout=out, stderr=err, env=env
        ) as child:
            try:
                while not _has_ended(child):
                    progress.advance(bar, _POLL_S)
            except BaseException:
                child.terminate()  # else leaving the block would wait for all of it
                raise
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(command, child.returncode, out.read(), err.read())


def offer(
    url: str, aim: Aim, *, rate: float, seconds: float, options: Sequence[str] = ()
) -> tuple[dict[str, object], Record]:
    """Offer a load; return its summary and what became of every request.

    ``options`` are further flags of ``python -m loadtests.openloop``.
    """
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw.npz"
        command = [
            *(sys.executable, "-m", "loadtests.openloop", "--url", url, "--raw", str(raw)),
            *("--rate", f"{rate}", "--seconds", f"{seconds}", *_aim(aim), *options),
        ]
        done = run_child(command, label=f"{aim.name}: {rate:g}/s due", seconds=seconds)
        if done.returncode not in {0, _VOID}:
            raise _failed(done)
        return orjson.loads(done.stdout), Record.load(raw)


def locust(
    url: str,
    aim: Aim,
    *,
    users: int,
    seconds: float,
    users_file: Path | None,
    scenario: str = "browse",
) -> dict[str, object]:
    """Let locust's users play a scenario; return their figures."""
    with tempfile.TemporaryDirectory() as folder:
        summary = Path(folder) / "summary.json"
        command = [
            *(sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--host", url),
            *("--headless", "-u", str(users), "-r", str(users), "-t", f"{seconds:g}s"),
            *("--summary-file", str(summary), "--exit-code-on-error", "0", *_aim(aim)),
            *("--scenario", scenario),
            *(("--users-file", str(users_file)) if users_file else ()),
        ]
        done = run_child(
            command, label=f"{aim.name}: {users} people, {scenario}", seconds=seconds + 3
        )
        if done.returncode != 0 or not summary.is_file():
            raise _failed(done)
        return dict(orjson.loads(summary.read_bytes()))


def _has_ended(child: subprocess.Popen[bytes]) -> bool:
    try:
        child.wait(timeout=_POLL_S)
    except subprocess.TimeoutExpired:
        return False
    return True


def _aim(aim: Aim) -> list[str]:
    flags: list[str] = []
    if aim.objective is not None:
        flags += ["--objective", aim.objective]
    if aim.revenue_weight is not None:
        flags += ["--revenue-weight", str(aim.revenue_weight)]
    return flags


def _failed(done: subprocess.CompletedProcess[str]) -> Refused:
    said = done.stderr.strip()[-800:]
    msg = f"{' '.join(done.args[1:3])} ended with {done.returncode}:\n{said}"
    return Refused(
        msg, next_step="run it by itself to see more: python -m loadtests.openloop --help"
    )
