"""`maitred up`, `status` and `down` with our own programs, as a user types them."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from maitred.settings import child_environment
from services.local.processes import identity_of
from services.local.programs import PROGRAMS
from tests.support.stacks import maitred, status_of

ANY_PORT = {f"{name}_port": 0 for name in ("inference", "ingest", "console", "valkey", "kafka")}
GIB = 1024**3


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    maitred("down", "--state", str(tmp_path))


def pids_of(status: dict[str, Any]) -> list[int]:
    return [pid for service in status["services"].values() for pid in service["pids"]]


def proportional_bytes(pid: int) -> int:
    memory = psutil.Process(pid).memory_full_info()
    return int(getattr(memory, "pss", memory.rss))


def test_up_status_down_leave_no_process(state: Path) -> None:
    up = maitred("up", "--detach", "--state", str(state), **ANY_PORT)
    code, status = status_of(state)
    pids = pids_of(status)
    used = sum(proportional_bytes(pid) for pid in pids)
    down = maitred("down", "--state", str(state))

    assert up.returncode == 0, up.stderr
    assert (code, status["state"]) == (0, "running")
    expected = {"valkey", "kafka", "supervisor", *(program.name for program in PROGRAMS)}
    assert status["services"].keys() == expected
    assert status["models"] == {"clicks": None, "revenue": None}
    assert "maitred models publish" in up.stdout
    assert used < 1.5 * GIB
    assert down.returncode == 0, down.stderr
    assert [pid for pid in pids if identity_of(pid)] == []


def test_ctrl_c_ends_up_with_130_and_leaves_no_process(state: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "maitred", "up", "--state", str(state)],
        env=child_environment(**ANY_PORT),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while status_of(state)[0] != 0 and process.poll() is None and time.monotonic() < deadline:
        pass
    pids = pids_of(status_of(state)[1])

    process.send_signal(signal.SIGINT)
    said, complained = process.communicate(timeout=60)

    assert process.returncode == 130, complained
    assert complained.splitlines()[-1] == "maitred: interrupted"
    assert "stop: Ctrl-C" in said
    assert len(pids) >= 3 + len(PROGRAMS)
    assert [pid for pid in pids if identity_of(pid)] == []
