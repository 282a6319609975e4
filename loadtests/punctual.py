"""An instrument must not wait for what it measures: the generator goes first on a shared machine."""

import os
import sys

__all__ = ["be_punctual"]

_LOWEST = 1
"""Above every ordinary program, below all else that is real-time."""


def be_punctual() -> bool:
    """Let this process run as soon as it is due, whatever else does; tell whether that is allowed.

    Linux' SCHED_RR, which needs root or CAP_SYS_NICE; the kernel leaves others a twentieth of a
    processor even if it never rests.
    """
    if sys.platform != "linux":
        return False
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(_LOWEST))
    except OSError:
        return False
    return True
