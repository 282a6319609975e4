"""One retraining: the same commands that a person would type, one after another, as processes.

Every step is bounded in time, ends with this program, and leaves its output in a log.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from maitred.clock import Clock

__all__ = ["OBJECTIVES", "Commands", "Plan", "Result", "forget_diners", "retrain"]

OBJECTIVES: Final = ("clicks", "revenue")
Result = Literal["promoted", "refused", "failed"]
_VERSION: Final = re.compile(r"\b(?:clicks|revenue)-[0-9a-f]{12}\b")
_KEPT: Final = 3
_HALF_WRITTEN: Final = (".*", "*/.*", "*/*.partial")
"""Names of folders that were being written when something was killed."""
_GRACE_S: Final = 2.0
_MAITRED: Final = (sys.executable, "-c", "from maitred.cli import main; main()")


@dataclass(frozen=True, slots=True)
class Plan:
    """What one retraining reads and where it works."""

    base: Path
    archive: Path
    traffic: str
    """Kinds of traffic, comma-separated."""
    work: Path


@dataclass(slots=True)
class Commands:
    """Runs maitred's commands as processes on a leash."""

    environment: Mapping[str, str]
    log: Path
    limit_s: float
    stop: threading.Event
    clock: Clock
    held: tuple[int, ...] = ()
    """File descriptors that every process inherits: whoever lives holds the leader's lock."""

    def run(self, *arguments: str) -> str | None:
        """Run ``maitred arguments`` and return its output; None: it failed, hung or was stopped."""
        command = (*_MAITRED, *arguments)
        output = self.log.with_suffix(".step")
        with output.open("wb") as file:
            process = subprocess.Popen(  # noqa: S603 - our own command line, no shell
                (sys.executable, "-m", "services.consumers.leash", str(os.getpid()), *command),
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=self.held,
            )
            code = self._wait(process)
        text = output.read_text("utf-8", errors="replace")
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"$ maitred {' '.join(arguments)}\n{text}\n[exit code {code}]\n")
        output.unlink()
        return text if code == 0 else None

    def _wait(self, process: subprocess.Popen[bytes]) -> int:
        deadline = self.clock.monotonic() + self.limit_s
        while (code := process.poll()) is None:
            if self.stop.is_set() or self.clock.monotonic() > deadline:
                return _end(process)
            self.stop.wait(0.1)
        return code


def retrain(
    plan: Plan, run: Callable[..., str | None], objectives: Sequence[str] = OBJECTIVES
) -> dict[str, Result]:
    """Make the data set, then fit, publish and promote each objective; say what became of each.

    One objective's failure does not keep the other from being promoted. What diners did leaves the
    working folder at the end: published rows are in Redis, and an erasure looks nowhere else.
    """
    shutil.rmtree(plan.work, ignore_errors=True)
    plan.work.mkdir(parents=True)
    _forget_old(plan.work)
    try:
        return _steps(plan, run, objectives)
    finally:
        forget_diners(plan.work)


def _steps(
    plan: Plan, run: Callable[..., str | None], objectives: Sequence[str]
) -> dict[str, Result]:
    dataset = str(plan.work / "dataset")
    extended = run(
        "data", "extend", str(plan.base), "--archive", str(plan.archive),
        "--traffic", plan.traffic, "--live", "--out", dataset,
    )  # fmt: skip
    if extended is None:
        return dict.fromkeys(objectives, "failed")
    return {name: _fit_and_promote(dataset, plan.work / name, name, run) for name in objectives}


def _fit_and_promote(
    dataset: str, out: Path, objective: str, run: Callable[..., str | None]
) -> Result:
    trained = run(
        "train", "--data", dataset, "--objective", objective, "--protocol", "last",
        "--no-baselines", "--out", str(out),
    )  # fmt: skip
    if trained is None:
        return "failed"
    published = run("models", "publish", str(out))
    versions = _VERSION.findall(published or "")
    if not versions:
        return "refused"
    return "refused" if run("models", "promote", versions[-1]) is None else "promoted"


def _end(process: subprocess.Popen[bytes]) -> int:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            return process.wait(_GRACE_S)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue
    return process.wait()


def forget_diners(work: Path) -> None:
    """Leave of a working folder what tells of nobody: reports, manifests, and what the data were.

    Safe on one that was cut short; call it on every one that a killed process may have left.
    """
    for rows in ("events.parquet", "users.parquet", "quarantine"):
        _remove(work / "dataset" / rows)
    for rows in ("*/model/diners_*.npy", *_HALF_WRITTEN):
        for found in work.glob(rows):
            _remove(found)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _forget_old(work: Path) -> None:
    """Keep the newest few working folders beside this one."""
    folders = sorted(path for path in work.parent.glob("run-*") if path.is_dir())
    for old in folders[:-_KEPT]:
        shutil.rmtree(old, ignore_errors=True)
