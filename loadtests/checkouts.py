"""Another commit of this repository, as a running stack of its own, for as long as it is compared.

A commit gets a git worktree in a temporary folder, a state folder and free ports. The Python
environment is shared with this checkout when the commit pins the same requirements, so that only
our code differs; else its own one is built there.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson

from loadtests.stack import Stack
from maitred.clock import Clock
from maitred.errors import Refused
from maitred.settings import child_environment

__all__ = ["Checkout", "checked_out", "resolve", "served"]

_ROOT = Path(__file__).parents[1]
_PINS = ("requirements/bootstrap.txt", "requirements/dev.txt")
_PORTS = ("inference", "ingest", "console", "valkey", "kafka")
_SERVED_WITHIN_S = 20.0


@dataclass(frozen=True, slots=True)
class Checkout:
    """One commit in a folder, and the Python that runs it."""

    commit: str
    folder: Path
    python: Path
    shares_environment: bool

    def maitred(self, *arguments: str, state: Path) -> str:
        """Run this commit's command line on a state folder; return what it printed.

        Raises:
            Refused: if it fails.
        """
        done = self._run(arguments, state)
        if done.returncode != 0:
            msg = f"{self.commit[:12]}: maitred {arguments[0]} failed: {done.stderr.strip()[-500:]}"
            raise Refused(msg, next_step="see whether that commit works by itself: git checkout it")
        return done.stdout

    def train(self, data: Path) -> Path:
        """Return a run folder of this commit, beside its worktree: a clicks model of the data set."""
        home = self.folder.parent
        self.maitred(
            *("train", "--data", str(data.resolve()), "--objective", "clicks", "--no-baselines"),
            *("--out", str(home / "run")),
            state=home / "state",
        )
        return home / "run"

    def status(self, state: Path) -> Stack:
        """Return this commit's stack; it may be degraded."""
        return Stack.of(orjson.loads(self._run(("status", "--json"), state).stdout))

    def environment(self, state: Path) -> dict[str, str]:
        """Return the environment of this commit's programs: free ports, servers of their own."""
        ports = dict.fromkeys((f"{name}_port" for name in _PORTS), 0)
        found = child_environment(
            state_dir=state, redis_url=None, kafka_bootstrap=None, admin_key=None, **ports
        )
        # Before the shared environment's own copy of our packages.
        return found | {"PYTHONPATH": str(self.folder)}

    def _run(self, arguments: tuple[str, ...], state: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603  # our own program, no shell
            [str(self.python), "-m", "maitred", *arguments],
            check=False,
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=self.environment(state),
        )


def resolve(name: str) -> str:
    """Return the full hash of a commit, branch or tag.

    Raises:
        Refused: if git knows none of that name.
    """
    found = _git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
    if found.returncode != 0:
        msg = f"git knows no commit '{name}'"
        raise Refused(msg, next_step="git log --oneline")
    return found.stdout.strip()


@contextmanager
def checked_out(name: str) -> Iterator[Checkout]:
    """Give a commit in a temporary worktree; it is removed again.

    Raises:
        Refused: if there is no such commit, or its environment cannot be built.
    """
    commit = resolve(name)
    home = Path(tempfile.mkdtemp(prefix="maitred-compare-"))
    folder = home / "tree"
    added = _git("worktree", "add", "--detach", str(folder), commit)
    try:
        if added.returncode != 0:
            msg = f"git could not check out {commit[:12]}: {added.stderr.strip()}"
            raise Refused(msg, next_step="git worktree prune")
        shares = all(_same(folder / pins, _ROOT / pins) for pins in _PINS)
        python = Path(sys.executable) if shares else _build(folder)
        yield Checkout(commit, folder, python, shares)
    finally:
        _git("worktree", "remove", "--force", str(folder))
        shutil.rmtree(home, ignore_errors=True)
        _git("worktree", "prune")


@contextmanager
def served(checkout: Checkout, run: Path, clock: Clock) -> Iterator[Stack]:
    """Give a running stack of a commit that serves the model of a run folder; stop it afterwards.

    Raises:
        Refused: if it does not start, or refuses the model.
    """
    state = checkout.folder.parent / "state"
    try:
        checkout.maitred("up", "--detach", state=state)
        published = checkout.maitred("models", "publish", str(run.resolve()), state=state)
        version = next(w for w in published.split() if w.startswith(("clicks-", "revenue-")))
        checkout.maitred("models", "promote", version, state=state)
        until = clock.monotonic() + _SERVED_WITHIN_S
        while version not in (stack := checkout.status(state)).models.values():
            if clock.monotonic() > until:
                msg = f"{checkout.commit[:12]} does not serve {version}"
                raise Refused(msg, next_step=f"see the log of inference in {state}")
            clock.sleep(0.5)
        yield stack
    finally:
        checkout.maitred("down", state=state)


def _build(folder: Path) -> Path:
    environment = child_environment()
    environment.pop("MAKEFLAGS", None)
    done = subprocess.run(  # noqa: S603  # the commit's own Makefile
        ["make", "--directory", str(folder), ".venv/.stamp"],  # noqa: S607
        check=False,
        capture_output=True,
        text=True,
        env=environment,
    )
    if done.returncode != 0:
        msg = f"the environment of {folder} could not be built: {done.stderr.strip()[-500:]}"
        raise Refused(msg, next_step="check out that commit and run make there")
    return folder / ".venv" / "bin" / "python"


def _same(one: Path, other: Path) -> bool:
    return one.is_file() and other.is_file() and one.read_bytes() == other.read_bytes()


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  # git, no shell
        ["git", *arguments],  # noqa: S607  # whichever git is installed
        check=False,
        capture_output=True,
        text=True,
        cwd=_ROOT,
    )
