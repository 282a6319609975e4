"""Masters as processes, of the tiny application in web_app.py, for tests of the process model."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from loadtests.wire import Address
from maitred.clock import SystemClock
from maitred.settings import child_environment
from services.local.ports import free_port
from services.web.folder import MasterRecord, ProgramFolder, find_master
from tests.support.waiting import eventually

COMMAND = (sys.executable, "-m", "tests.support.web_app")
CLOCK = SystemClock()


@dataclass
class LiveMaster:
    """A master, and the ways in which a test looks at it and pushes it."""

    process: "subprocess.Popen[bytes]"
    state: Path
    port: int

    @property
    def address(self) -> Address:
        return Address("127.0.0.1", self.port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def folder(self) -> ProgramFolder:
        folder = find_master(self.state, "inference", self.process.pid)
        assert folder is not None, self.log()
        return folder

    def record(self) -> MasterRecord:
        record = self.folder.read()
        assert record is not None
        return record

    def workers(self) -> list[int]:
        return [worker.pid for worker in self.record().workers]

    def companion(self) -> int:
        return self.record().companions["receiver"]

    def received(self) -> list[str]:
        written = self.state / "received"
        return written.read_text().split() if written.exists() else []

    def log(self) -> str:
        return (self.state / "log").read_text()

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.url + path, trust_env=False, timeout=15)

    def reload(self) -> None:
        self.process.send_signal(signal.SIGHUP)

    def end(self, number: int = signal.SIGTERM, within_s: float = 15) -> int:
        self.process.send_signal(number)
        return self.process.wait(within_s)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=15)


@contextmanager
def mastered(state: Path, *, ready: bool = True, **settings: object) -> Iterator[LiveMaster]:
    """Yield a master of the tiny application, ready unless told otherwise; end it after."""
    state.mkdir(exist_ok=True)
    port = free_port()
    environment = child_environment(state_dir=state, inference_port=port, **settings)
    with (state / "log").open("ab") as log:
        process = subprocess.Popen(COMMAND, env=environment, stdout=log, stderr=log)
    live = LiveMaster(process, state, port)
    try:
        if ready:
            eventually(lambda: is_running(live), live.log)
        yield live
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(20)


def is_running(live: LiveMaster) -> bool:
    assert live.process.poll() is None, live.log()
    folder = find_master(live.state, "inference", live.process.pid)
    record = folder and folder.read()
    return record is not None and record.phase == "running"


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
