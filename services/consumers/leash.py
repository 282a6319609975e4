"""Starts a program that ends when its parent does, even by kill -9: ``leash PARENT_PID COMMAND …``.

Linux tells the kernel so (PR_SET_PDEATHSIG), which holds through exec; elsewhere the program merely
leads its own process group. What is started gives way to all else: a training fits in what is left.
"""

import ctypes
import os
import signal
import sys
from typing import Final

from maitred.priority import give_way

__all__ = ["leash"]

_PR_SET_PDEATHSIG: Final = 1
_NICENESS: Final = 19


def leash(parent: int, command: list[str]) -> None:
    """Become ``command``; never returns."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the kernel was told
        sys.exit(1)
    give_way(_NICENESS)
    os.execv(command[0], command)  # noqa: S606 - no shell is what we want


if __name__ == "__main__":
    leash(int(sys.argv[1]), sys.argv[2:])
