"""What is struck when: drawn from a seed, and written down before anything happens."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from maitred.seeds import generator

__all__ = ["KINDS", "Strike", "drawn"]

KINDS: Final = (
    "archive",
    "broker",
    "broker-freeze",
    "features",
    "ingest-master",
    "ingest-worker",
    "retrain",
    "training",
    "valkey",
)
"""All are kills with -9 but ``broker-freeze``: SIGSTOP, long enough that events are sent again."""
_FREEZE_S: Final = (6.0, 8.0)
"""Longer than a producer waits (5 s) before it sends anew what was not acknowledged."""


@dataclass(frozen=True, slots=True)
class Strike:
    """One strike: what, how long after the one before was over, and how long it lasts."""

    round: int
    kind: str
    calm_s: float
    lasts_s: float = 0.0
    """Of a freeze; a kill lasts until its victim is back."""

    def __str__(self) -> str:
        lasting = f" for {self.lasts_s:.1f} s" if self.lasts_s else ""
        return f"{self.round}: {self.kind}{lasting} after {self.calm_s:.1f} s"


def drawn(seed: int, rounds: int, calm_s: tuple[float, float]) -> Sequence[Strike]:
    """Return the plan of so many rounds: equal seeds, equal plans.

    Kinds come in shuffled turns, so that each is struck once before any is struck twice; a
    longer plan begins like a shorter one. Between two strikes lies a moment from ``calm_s``.
    """
    rng = generator(seed, "chaos", "plan")
    strikes: list[Strike] = []
    while len(strikes) < rounds:
        for kind in rng.permutation(len(KINDS)):
            name = KINDS[int(kind)]
            calm, freeze = rng.uniform(*calm_s), rng.uniform(*_FREEZE_S)
            lasts_s = freeze if name == "broker-freeze" else 0.0
            strikes.append(Strike(len(strikes) + 1, name, round(calm, 2), round(lasts_s, 2)))
    return strikes[:rounds]
