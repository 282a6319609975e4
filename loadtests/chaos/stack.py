"""A stack of our own to be killed: every program that events pass through, under our own supervisor.

Run as a program (``python -m loadtests.chaos.stack``) it supervises them until it is told to end.
"""

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
import pyarrow.parquet as pq

from loadtests.children import ROOT
from loadtests.programs import maitred
from maitred.cli import reporting
from maitred.clock import Clock
from maitred.errors import Refused
from maitred.settings import Settings, child_environment, load
from services.local.folder import Entry, StackFolder
from services.local.foreground import supervise
from services.local.programs import PROGRAMS
from services.local.status import read_status

__all__ = ["ChaosStack", "running_stack"]

_WITHIN_S: Final = 120.0
_PROGRAMS: Final = tuple(program for program in PROGRAMS if program.name != "inference")
"""What answers diners takes no part: their events come from us."""


@dataclass(frozen=True, slots=True)
class ChaosStack:
    """A running stack, and the settings that its programs have."""

    folder: StackFolder
    settings: Settings
    restaurants: Sequence[str]
    supervisor: psutil.Popen
    clock: Clock

    def entry(self, name: str) -> Entry:
        """Return what the record says of a service now.

        Raises:
            Refused: there is none of this name, or the supervisor is gone.
        """
        record = self.folder.read()
        if record is None or name not in record.services or self.supervisor.poll() is not None:
            msg = f"the stack on {self.folder.root} runs no {name}"
            raise Refused(msg, next_step=f"see {self.folder.log('supervisor')}")
        return record.services[name]

    def not_well(self) -> list[str]:
        """Return the services that do not answer now."""
        status = read_status(self.folder)
        return [name for name, service in status["services"].items() if not service["healthy"]]

    def await_well(self, within_s: float) -> float:
        """Return how long it took until everything answered.

        Raises:
            Refused: it did not; names what.
        """
        began = self.clock.monotonic()
        while missing := self.not_well():
            if self.clock.monotonic() - began > within_s:
                msg = f"{', '.join(missing)} did not come back within {within_s:g} s"
                raise Refused(msg, next_step=f"see {self.folder.root / 'logs'}")
            self.clock.sleep(0.2)
        return self.clock.monotonic() - began


@contextmanager
def running_stack(home: Path, clock: Clock, *, kafka: str | None = None) -> Iterator[ChaosStack]:
    """Yield a running stack that keeps everything in ``home``; it ends with the block.

    ``kafka`` names brokers of the caller's; None: the stack runs one of its own. It retrains all the
    time, from a small synthetic city, so that there is a training to kill.
    """
    dataset = home / "city"
    maitred("data", "synth", "--restaurants", "60", "--diners", "200", "--out", str(dataset))
    restaurants = pq.read_table(dataset / "restaurants.parquet", columns=["restaurant_id"])
    fields: Mapping[str, object] = {
        "state_dir": home / "state",
        "kafka_bootstrap": kafka,
        "redis_url": None,
        "ingest_port": 0,
        "valkey_port": 0,
        "kafka_port": 0,
        "retrain_data": dataset,
        "retrain_events": 50,
    }
    environment = {**child_environment(**fields), "PYTHONPATH": str(ROOT)}
    folder = StackFolder.at(home / "state")
    process = psutil.Popen([sys.executable, "-m", "loadtests.chaos.stack"], env=environment)
    try:
        yield _ready(
            ChaosStack(folder, Settings(), restaurants[0].to_pylist(), process, clock), fields
        )
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            maitred("down", "--state", str(folder.root))


def _ready(stack: ChaosStack, fields: Mapping[str, object]) -> ChaosStack:
    """Wait until it runs; return it with the addresses that were chosen."""
    deadline = stack.clock.monotonic() + _WITHIN_S
    while (record := stack.folder.read()) is None or record.phase != "running":
        if stack.supervisor.poll() is not None or stack.clock.monotonic() > deadline:
            why = record.failure if record else "it wrote nothing"
            msg = f"the stack did not start: {why}"
            raise Refused(msg, next_step=f"see {stack.folder.root / 'logs'}")
        stack.clock.sleep(0.1)
    named = {name: value for name, value in fields.items() if value is not None}
    settings = Settings.model_validate(
        named
        | {
            "kafka_bootstrap": record.services["kafka"].url,
            "redis_url": record.services["valkey"].url,
        }
    )
    return ChaosStack(stack.folder, settings, stack.restaurants, stack.supervisor, stack.clock)


if __name__ == "__main__":
    with reporting():
        supervise(load(), programs=_PROGRAMS)
