"""Who gives way to whom on one machine, and who keeps where.

What nobody waits for must not delay what a diner waits for.

``nice`` alone does not do that. Where Linux groups processes by session (``sched_autogroup_enabled``,
the default of many distributions), it only ranks those of one session among themselves, and every
session gets the same share. A session has a niceness of its own, which is set here too: sched(7).

``python -m maitred.priority NICENESS COMMAND …`` becomes the command after it has given way.
"""

import os
import sys
import threading
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

__all__ = [
    "BACKGROUND",
    "behind",
    "give_way",
    "keep_off",
    "keep_to",
    "processors",
    "roam",
    "run_behind",
]

BACKGROUND: Final = 10
"""For what nobody waits for: a tenth of the share of what somebody does."""

_ALL: Final = frozenset(os.sched_getaffinity(0) if sys.platform == "linux" else ())
_AUTOGROUP: Final = Path("/proc/self/autogroup")
_MOST: Final = 19

_Result = TypeVar("_Result")


def give_way(niceness: int) -> None:
    """Let others go first from now on: ``niceness``, 1 to 19, is added to what it was.

    A process that leads its session takes the whole of it along. Never raises: where a kernel
    knows less of this, less happens.
    """
    os.nice(niceness)
    if os.getsid(0) == os.getpid():
        with suppress(OSError):
            _AUTOGROUP.write_text(str(niceness), "ascii")


def behind(command: Sequence[str], niceness: int = BACKGROUND) -> tuple[str, ...]:
    """Return a command line that gives way and then becomes ``command``, under the same pid."""
    return (sys.executable, "-m", "maitred.priority", str(niceness), *command)


def run_behind(job: Callable[[], _Result], niceness: int = BACKGROUND) -> _Result:
    """Return what ``job`` does, or raise what it raises, on a thread of its own that gives way.

    On Linux a niceness is a thread's own, and the threads that it starts inherit it. The other
    threads of the process must not need the interpreter meanwhile: they would wait for the nice one.
    """
    done: list[_Result] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            if sys.platform == "linux":
                me = threading.get_native_id()
                nicer = os.getpriority(os.PRIO_PROCESS, me) + niceness
                os.setpriority(os.PRIO_PROCESS, me, min(nicer, _MOST))
            done.append(job())
        except BaseException as error:  # noqa: BLE001 - whatever it is, the caller gets it
            failed.append(error)

    thread = threading.Thread(target=run, name="giving way")
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return done[0]


def processors() -> tuple[int, ...]:
    """Return the numbers of the processors that this program may use; none where nobody says so."""
    return tuple(sorted(_ALL))


def keep_to(processor: int) -> None:
    """Let the calling thread run on this processor only, as far as the kernel allows that.

    Threads that it starts from then on inherit it, unless they :func:`roam`.
    """
    _settle({processor})


def keep_off(processor: int) -> None:
    """Let the calling thread run on every processor but this, where there is another."""
    _settle(_ALL - {processor})


def roam() -> None:
    """Let the calling thread run on every processor that the program had when it began."""
    _settle(_ALL)


def _settle(where: Collection[int]) -> None:
    if sys.platform == "linux" and where:
        with suppress(OSError):
            os.sched_setaffinity(0, where)


def main(arguments: Sequence[str]) -> None:
    """Give way, then become the command."""
    niceness, *command = arguments
    give_way(int(niceness))
    os.execvp(command[0], command)  # noqa: S606 - no shell is what we want


if __name__ == "__main__":
    main(sys.argv[1:])
