"""Who gives way: a process, its session, a thread."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from maitred.priority import behind, keep_off, keep_to, processors, roam, run_behind

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="niceness per thread and session")

GROUP = Path("/proc/self/autogroup")
TELL = "import os, sys; print(os.getpid(), os.nice(0))"


def told(*, leads: bool, niceness: int | None) -> tuple[int, int, int, str]:
    """Return the pid started and the one that ran, its niceness, and its session's.

    The session says nothing where the kernel keeps no groups, and in one that has none of its own.
    """
    script = f"{TELL}; print(open({str(GROUP)!r}).read())" if GROUP.exists() else TELL
    command = (sys.executable, "-c", script)
    started = subprocess.Popen(
        command if niceness is None else behind(command, niceness),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=leads,
    )
    said, _ = started.communicate(timeout=20)
    own, *groups = [line for line in said.splitlines() if line]
    pid, nice = own.split()
    return started.pid, int(pid), int(nice), "".join(groups).strip().partition(" nice ")[2]


@linux_only
@pytest.mark.parametrize("leads", [True, False])
def test_a_program_gives_way_and_takes_along_the_session_that_it_leads(*, leads: bool) -> None:
    *_, usual = told(leads=leads, niceness=None)

    started, ran, niceness, session = told(leads=leads, niceness=7)

    assert ran == started  # it became the program, and is not its parent
    assert niceness == min(os.nice(0) + 7, 19)
    assert session == ("7" if leads and usual else usual)


@linux_only
def test_a_thread_gives_way_and_nobody_else_in_the_process() -> None:
    usual = os.nice(0)

    def look() -> tuple[int, int]:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id()), os.nice(0)

    within, _ = run_behind(look, 7)

    assert within == min(usual + 7, 19)
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == usual


def test_what_a_job_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        run_behind(lambda: 1 // 0)


@linux_only
def test_a_thread_keeps_to_a_processor_until_it_roams_again() -> None:
    kept: list[set[int]] = []

    def work() -> None:
        keep_to(processors()[-1])
        kept.append(os.sched_getaffinity(0))
        keep_to(10_000)  # there is no such one: nothing happens
        kept.append(os.sched_getaffinity(0))
        keep_off(processors()[-1])
        kept.append(os.sched_getaffinity(0))
        roam()
        kept.append(os.sched_getaffinity(0))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    last = {processors()[-1]}
    others = set(processors()) - last
    assert kept == [last, last, others or last, set(processors())]
