"""What is measured side by side: where each listens, what it is asked, and who goes first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import psutil  # type: ignore[import-untyped]

from maitred.client import Aim

__all__ = ["Side", "in_turns"]

_PLAIN = Aim()


@dataclass(frozen=True, slots=True)
class Side:
    """One of those compared; ``pids`` are the service's processes where they are known."""

    name: str
    url: str
    aim: Aim = _PLAIN
    pids: tuple[int, ...] = ()

    def cpu_s(self) -> float:
        """Return the CPU seconds its processes have used so far."""
        used = [psutil.Process(pid).cpu_times() for pid in self.pids]
        return float(sum(times.user + times.system for times in used))


def in_turns(sides: Sequence[Side], rounds: int) -> Iterator[tuple[int, Side]]:
    """Give each side once a round, with the round's number from 1; every second one backwards.

    So what else the machine does weighs on all of them.
    """
    for number in range(rounds):
        for side in sides if number % 2 == 0 else reversed(sides):
            yield number + 1, side
