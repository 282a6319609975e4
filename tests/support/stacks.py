"""Stacks for tests: example programs in the table, the rest as users get it.

Run as a program (``python stacks.py``) it supervises the examples until it is told to end, which
is what ``maitred up`` does with our own programs.
"""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maitred.cli import reporting
from maitred.settings import child_environment, load
from services.local.folder import Record, StackFolder
from services.local.foreground import supervise
from services.local.processes import Identity, is_alive
from services.local.programs import Program

# -P: modules beside a script must not hide those of the standard library.
PROGRAM = ("-P", str(Path(__file__).with_name("example_program.py")))


def example(name: str, port_field: str, *behaviour: str) -> Program:
    """Return a row for an example program on any free port."""
    return Program(name, (*PROGRAM, port_field, *behaviour), port_field, None, "/readyz")


INFERENCE = Program("inference", (*PROGRAM, "inference_port"), "inference_port", 8080, "/readyz")
CONSUMER = example("consume-features", "metrics_port", "child")
EXAMPLES = (INFERENCE, CONSUMER)
EXAMPLE_SUPERVISOR = (sys.executable, "-P", __file__)


def maitred(*arguments: str, **fields: object) -> subprocess.CompletedProcess[str]:
    """Run the real command line."""
    return subprocess.run(
        [sys.executable, "-m", "maitred", *arguments],
        env=child_environment(**fields),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@dataclass
class StackProcess:
    """A supervisor in a process of its own."""

    folder: StackFolder
    process: subprocess.Popen[str]

    @classmethod
    def start(cls, state: Path, **fields: object) -> "StackProcess":
        """Start it, without waiting."""
        process = subprocess.Popen(
            list(EXAMPLE_SUPERVISOR),
            env=child_environment(state_dir=state, inference_port=0, **fields),
            stderr=subprocess.PIPE,
            text=True,
        )
        return cls(StackFolder.at(state), process)

    def wait_ready(self) -> "StackProcess":
        """Block until its record says that it runs."""
        deadline = time.monotonic() + 60
        while (record := self.folder.read()) is None or not self._is_ready(record):
            assert self.process.poll() is None, self.process.stderr
            assert time.monotonic() < deadline, record
            time.sleep(0.02)  # noqa: TID251 - another process's progress
        return self

    def _is_ready(self, record: Record) -> bool:
        return record.phase == "running" and record.supervisor.pid == self.process.pid

    def identities(self) -> list[Identity]:
        """Return what the record holds of its processes."""
        record = self.folder.read()
        assert record is not None
        return [entry.identity for entry in record.services.values() if entry.identity is not None]

    def end(self, number: int) -> tuple[int, str]:
        """Send a signal and wait; return exit code and what it said."""
        self.process.send_signal(number)
        _, said = self.process.communicate(timeout=60)
        return self.process.returncode, said

    def close(self) -> None:
        """Leave nothing behind, whatever the test did."""
        if self.process.poll() is None:
            self.process.terminate()
        if self.process.stderr and not self.process.stderr.closed:
            self.process.communicate(timeout=60)
        maitred("down", "--state", str(self.folder.root))


def status_of(state: Path) -> tuple[int, dict[str, Any]]:
    """Return the exit code and the JSON of ``maitred status``."""
    done = maitred("status", "--json", "--state", str(state))
    return done.returncode, json.loads(done.stdout)


def none_alive(identities: list[Identity]) -> bool:
    """Tell whether not one of these processes runs."""
    return not any(is_alive(identity) for identity in identities)


if __name__ == "__main__":
    with reporting():
        supervise(load(), programs=EXAMPLES)
