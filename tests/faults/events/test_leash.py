"""Steps of a retraining end when they should: in time, on a stop, and with their parent."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from maitred.clock import SystemClock
from maitred.settings import child_environment
from services.consumers.steps import Commands
from tests.support.waiting import eventually

CLOCK = SystemClock()


def commands(folder: Path, *, limit_s: float = 30.0) -> Commands:
    return Commands(child_environment(), folder / "retrain.log", limit_s, threading.Event(), CLOCK)


def test_a_step_gives_its_output_and_leaves_it_in_the_log(tmp_path: Path) -> None:
    output = commands(tmp_path).run("--help")

    assert output is not None
    assert "train" in output
    assert "$ maitred --help" in (tmp_path / "retrain.log").read_text()


def test_a_step_that_fails_gives_nothing_and_the_log_says_why(tmp_path: Path) -> None:
    assert commands(tmp_path).run("no-such-command") is None
    assert "[exit code 2]" in (tmp_path / "retrain.log").read_text()


def test_a_step_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    began = CLOCK.monotonic()

    assert (
        commands(tmp_path, limit_s=0.2).run("data", "synth", "--out", str(tmp_path / "d")) is None
    )
    assert CLOCK.monotonic() - began < 10


def test_a_leashed_process_dies_with_its_parent_even_by_kill_9(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    nap = f"import os,time,pathlib; pathlib.Path({str(pid_file)!r}).write_text(str(os.getpid())); time.sleep(600)"
    parent_code = (
        "import os,subprocess,sys; subprocess.run([sys.executable,'-m','services.consumers.leash',"
        f"str(os.getpid()),sys.executable,'-c',{nap!r}])"
    )
    parent = subprocess.Popen([sys.executable, "-c", parent_code], env=child_environment())
    eventually(lambda: pid_file.exists() and pid_file.read_text() != "")
    child = int(pid_file.read_text())

    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()

    eventually(lambda: not _runs(child))


def _runs(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
