"""The garbage collector of programs that move many events.

Events leave memory with their last reference; the collector is there for cycles, of which they make
none. At its defaults it walks all that waits for a flush again and again: up to half of the time that
reading events takes.
"""

import gc
from typing import Final

__all__ = ["settle"]

_YOUNG: Final = 50_000
"""Objects more than there were at which the youngest are looked through."""


def settle() -> None:
    """Call once, when a program is put together: what is there stays, and is walked no more."""
    gc.freeze()
    gc.set_threshold(_YOUNG)
