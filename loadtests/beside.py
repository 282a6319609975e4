"""A training that runs beside the load, as it does on a machine that does both: niced, one thread."""

import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from loadtests.programs import MAITRED
from maitred.priority import behind
from maitred.settings import child_environment

__all__ = ["Trainings", "training_beside"]

_STOP_WITHIN_S = 10.0
_NICENESS = 19


@dataclass(slots=True)
class Trainings:
    """Trains again and again until told to stop."""

    data: Path
    finished: int = 0
    said: str = ""
    """The last words of a training that failed, after which there is no other."""
    over: threading.Event = field(default_factory=threading.Event)

    def run(self, home: Path) -> None:
        """Train until it is over; ends the training that runs then."""
        while not self.over.is_set():
            command = [
                *(MAITRED, "train", "--data", str(self.data)),
                *("--objective", "clicks", "--no-baselines"),
                *("--out", str(home / f"run-{self.finished}")),
            ]
            with (home / "said").open("w+", encoding="utf-8") as said:
                child = subprocess.Popen(  # noqa: S603  # our own program, no shell
                    behind(command, _NICENESS),
                    stdout=said,
                    stderr=said,
                    env=child_environment(),
                    start_new_session=True,  # else it takes from the generator's own share
                )
                while child.poll() is None and not self.over.wait(0.2):
                    pass
                if child.poll() is None:
                    _end(child)
                    return
                if child.returncode != 0:
                    said.seek(0)
                    self.said = said.read().strip()[-400:]
                    return
            self.finished += 1


@contextmanager
def training_beside(data: Path) -> Iterator[Trainings]:
    """Train on ``data`` as long as the block runs; nothing of it is kept."""
    trainings = Trainings(data)
    with tempfile.TemporaryDirectory() as home:
        thread = threading.Thread(target=trainings.run, args=(Path(home),), name="training")
        thread.start()
        try:
            yield trainings
        finally:
            trainings.over.set()
            thread.join()


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(_STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
