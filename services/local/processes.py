"""Processes that we started: their identity, their group, and their end.

A pid alone names nothing after a restart of the machine or a long day, so a process is recorded
with when it started, and nothing is signalled whose start differs. Each child leads its own session:
Ctrl-C in a terminal reaches the supervisor only, and a whole group can be ended at once. This file
must not signal anything that it cannot prove to be ours.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil  # type: ignore[import-untyped]

from maitred.clock import Clock

__all__ = [
    "Child",
    "Identity",
    "group_members",
    "identity_of",
    "is_alive",
    "kill_group",
    "resident_bytes",
]

_POLL_S: Final = 0.02
_PROC: Final = Path("/proc")


@dataclass(frozen=True, slots=True)
class Identity:
    """A process, told apart from a later one with the same pid.

    ``started`` is opaque: on Linux the boot and the kernel's tick of the start, which no change of
    the clock moves; elsewhere the time of creation.
    """

    pid: int
    started: str


def identity_of(pid: int) -> Identity | None:
    """Return the identity of a running process, None when there is none (a zombie counts as none)."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return Identity(pid, _started(pid, process))
    except (psutil.Error, OSError):
        return None


def is_alive(identity: Identity) -> bool:
    """Tell whether this very process runs, not just one with its pid."""
    return identity_of(identity.pid) == identity


def group_members(leader: Identity, mark: str) -> list[int]:
    """Return the pids of the group that ``leader`` leads or led.

    When the leader is gone, a member counts only if ``mark`` (``NAME=value``) is in its environment:
    the group's number may have been given to strangers since.
    """
    leads = is_alive(leader)
    name, _, value = mark.partition("=")
    members = []
    for process in psutil.process_iter():
        try:
            in_group = os.getpgid(process.pid) == leader.pid
            if not in_group or process.status() == psutil.STATUS_ZOMBIE:
                continue
            if leads or process.environ().get(name) == value:
                members.append(int(process.pid))
        except (psutil.Error, OSError):
            continue
    return members


def kill_group(leader: Identity, mark: str, clock: Clock, *, within_s: float) -> bool:
    """End what is left of a recorded group: SIGTERM, ``within_s`` seconds, SIGKILL.

    Returns whether anything was left.
    """
    found = False
    for number in (signal.SIGTERM, signal.SIGKILL):
        members = group_members(leader, mark)
        found = found or bool(members)
        for pid in members:
            _signal(pid, signal.SIGCONT)
            _signal(pid, number)
        deadline = clock.monotonic() + within_s
        while group_members(leader, mark) and clock.monotonic() < deadline:
            clock.sleep(_POLL_S)
    return found


def resident_bytes(pid: int, *, alone: bool = False) -> tuple[list[int], int]:
    """Return the pids of a process and all its descendants, and their resident memory in bytes.

    With ``alone`` descendants are left out.
    """
    try:
        leader = psutil.Process(pid)
        family = [leader] if alone else [leader, *leader.children(recursive=True)]
    except psutil.Error:
        return [], 0
    pids, total = [], 0
    for process in family:
        try:
            total += int(process.memory_info().rss)
            pids.append(int(process.pid))
        except psutil.Error:
            continue
    return pids, total


@dataclass(slots=True)
class Child:
    """A process that leads its own session and writes to its own log."""

    process: subprocess.Popen[bytes]
    identity: Identity
    over: bool = False

    @classmethod
    def spawn(cls, command: Sequence[str], environment: Mapping[str, str], log: Path) -> "Child":
        """Start ``command`` with exactly this environment; both its outputs are appended to ``log``.

        Raises:
            OSError: the program cannot be started.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603 - the command is ours, no shell
                list(command),
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        identity = identity_of(process.pid) or Identity(process.pid, "gone")
        return cls(process, identity)

    @property
    def pid(self) -> int:
        """The pid, which is the group's number too."""
        return self.process.pid

    def exit_code(self) -> int | None:
        """Return how it ended, None while it runs; negative is the signal that ended it."""
        return self.process.poll()

    def signal(self, number: int) -> None:
        """Send a signal to the whole group; nothing happens once the group was ended."""
        if self.over:
            return
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            return

    def terminate(self) -> None:
        """Ask the leader to end (SIGTERM): it knows in which order its own children must."""
        if self.exit_code() is None:
            self.signal(signal.SIGCONT)
            self.process.terminate()

    def end(self, *, within_s: float) -> int:
        """Ask the leader to end, wait, then kill whatever is left; return the exit code."""
        self.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(within_s)
        return self.kill()

    def kill(self) -> int:
        """End the group at once, and wait for its leader; return the leader's exit code.

        From then on its number may belong to strangers, so nothing is sent to it any more.
        """
        self.signal(signal.SIGKILL)
        self.over = True
        return self.process.wait()


def _started(pid: int, process: psutil.Process) -> str:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        after_name = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return f"created:{process.create_time()}"
    return f"{boot}:{after_name[19]}"  # field 22 of proc(5), counted from field 3


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
