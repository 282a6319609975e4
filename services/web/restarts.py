"""When to start again what ended by itself: at once after a long life, later after each short one."""

from dataclasses import dataclass
from typing import Final

__all__ = ["Restarts"]

_FIRST_DELAY_S: Final = 0.1
_LONGEST_DELAY_S: Final = 10.0
_LIVED_S: Final = 10.0


@dataclass(slots=True)
class Restarts:
    """Counts short lives in a row; nothing is ever given up."""

    short_lives: int = 0

    def delay_s(self, lived_s: float) -> float:
        """Note a life of so many seconds; return the seconds until the next start."""
        if lived_s >= _LIVED_S:
            self.short_lives = 0
            return 0.0
        self.short_lives += 1
        doublings = min(self.short_lives - 1, 10)  # no need to compute what is capped
        return min(_FIRST_DELAY_S * 2.0**doublings, _LONGEST_DELAY_S)
