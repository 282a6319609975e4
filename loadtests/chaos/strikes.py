"""Killing, and waiting until what was killed is back. Only processes of our own stack are touched."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import numpy as np
import psutil

from loadtests.chaos.cluster import Cluster
from loadtests.chaos.plan import Strike
from loadtests.chaos.stack import ChaosStack
from maitred.clock import Clock
from maitred.errors import Refused
from services.local.processes import is_alive

__all__ = ["Executioner"]

_BACK_WITHIN_S: Final = 90.0
_A_TRAINING_WITHIN_S: Final = 20.0
_DEAD_S: Final = 3.0
"""How long a broker of several stays dead; one alone is restarted at once by its supervisor."""


@dataclass(slots=True)
class Executioner:
    """Strikes as planned; which child or broker it is comes from the seed, too."""

    stack: ChaosStack
    cluster: Cluster | None
    rng: np.random.Generator
    clock: Clock

    def strike(self, strike: Strike) -> dict[str, object]:
        """Strike, wait until everything answers again, and say what was seen.

        Raises:
            Refused: something did not come back.
        """
        victim = _VICTIMS.get(strike.kind, Executioner._service)(self, strike)
        took_s = self.stack.await_well(_BACK_WITHIN_S)
        return {
            "round": strike.round,
            "kind": strike.kind,
            "victim": victim,
            "well_again_s": round(took_s, 2),
        }

    def _service(self, strike: Strike) -> str:
        """Kill the process of a service, which its supervisor restarts."""
        return self._kill(self._process(_SERVICES[strike.kind]))

    def _worker(self, _: Strike) -> str:
        return self._kill(self._one_of(self._process("ingest").children()))

    def _training(self, _: Strike) -> str:
        """Kill a training; one begins soon after another."""
        deadline = self.clock.monotonic() + _A_TRAINING_WITHIN_S
        while self.clock.monotonic() < deadline:
            with suppress(psutil.NoSuchProcess):
                if children := self._process("consume-retrain").children(recursive=True):
                    return self._kill(self._one_of(children))
            self.clock.sleep(0.1)
        return "none: no training ran"

    def _broker(self, _: Strike) -> str:
        if self.cluster is None:
            return self._kill(self._process("kafka"))
        number = int(self.rng.integers(len(self.cluster.nodes)))
        self.cluster.nodes[number].kill()
        self.clock.sleep(_DEAD_S)
        self.cluster.start()
        return f"broker {number + 1} of {len(self.cluster.nodes)}, kill -9, started {_DEAD_S:g} s later"

    def _freeze(self, strike: Strike) -> str:
        """Let a broker stand still with its connections open, so that acknowledgements come late."""
        if self.cluster is None:
            process = self._process("kafka")
        else:
            number = int(self.rng.integers(len(self.cluster.nodes)))
            process = psutil.Process(self.cluster.nodes[number].pid)
        process.suspend()
        try:
            self.clock.sleep(strike.lasts_s)
        finally:
            process.resume()
        return f"pid {process.pid}, SIGSTOP for {strike.lasts_s:.1f} s"

    def _process(self, name: str) -> psutil.Process:
        identity = self.stack.entry(name).identity
        if identity is None or not is_alive(identity):
            msg = f"{name} is not there to be struck"
            raise Refused(msg, next_step=f"see {self.stack.folder.log(name)}")
        return psutil.Process(identity.pid)

    def _one_of(self, processes: list[psutil.Process]) -> psutil.Process:
        if not processes:
            msg = "there is no child to be struck"
            raise Refused(msg, next_step=f"see {self.stack.folder.root / 'logs'}")
        return processes[int(self.rng.integers(len(processes)))]

    def _kill(self, process: psutil.Process) -> str:
        process.kill()
        with suppress(psutil.TimeoutExpired):
            process.wait(5)
        return f"pid {process.pid}, kill -9"


_SERVICES: Final[Mapping[str, str]] = {
    "archive": "consume-archive",
    "features": "consume-features",
    "ingest-master": "ingest",
    "retrain": "consume-retrain",
    "valkey": "valkey",
}
_VICTIMS: Final[Mapping[str, Callable[[Executioner, Strike], str]]] = {
    "broker": Executioner._broker,  # noqa: SLF001 - this module's own table
    "broker-freeze": Executioner._freeze,  # noqa: SLF001
    "ingest-worker": Executioner._worker,  # noqa: SLF001
    "training": Executioner._training,  # noqa: SLF001
}
