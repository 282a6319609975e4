"""Ports: a default that is taken moves, one that somebody configured is refused, 0 means any free one."""

import socket
from dataclasses import dataclass, field

import psutil  # type: ignore[import-untyped]

from maitred.errors import StackRefused

__all__ = ["Ports", "free_port", "holder_of", "is_free"]

LOOPBACK = "127.0.0.1"


@dataclass(slots=True)
class Ports:
    """Chooses ports for one stack: never the same twice; ``moves`` says which defaults were taken."""

    host: str = LOOPBACK
    moves: list[str] = field(default_factory=list)
    given: set[int] = field(default_factory=set)

    def choose(self, name: str, configured: int | None, default: int) -> int:
        """Return a port for ``name``.

        Raises:
            StackRefused: the configured port is taken; names the port and its holder.
        """
        if configured == 0:
            return self.any_free()
        wanted = default if configured is None else configured
        if wanted not in self.given and is_free(wanted, self.host):
            self.given.add(wanted)
            return wanted
        holder = "this stack" if wanted in self.given else holder_of(wanted)
        if configured is None:
            port = self.any_free()
            self.moves.append(f"port {wanted} is taken by {holder}: {name} moves to {port}")
            return port
        variable = f"MAITRED_{name.upper()}_PORT"
        msg = f"port {wanted}, configured for {name}, is taken by {holder}"
        raise StackRefused(
            msg,
            fields=((variable, f"{wanted} is taken by {holder}"),),
            next_step=f"end {holder}, or set {variable} to another port, or to 0 for any free one",
        )

    def any_free(self) -> int:
        """Return a free port that this stack has not given away yet."""
        while (port := free_port(self.host)) in self.given:
            continue
        self.given.add(port)
        return port


def free_port(host: str = LOOPBACK) -> int:
    """Return a port that nothing listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Tell whether a server could listen on ``port`` now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def holder_of(port: int) -> str:
    """Return who listens on ``port``: ``name (pid 123)``, or "another process" when it is not ours to see."""
    try:
        connections = psutil.net_connections("tcp")
        pids = {c.pid for c in connections if c.laddr and c.laddr.port == port and c.pid}
        if pids:
            pid = min(pids)
            return f"{psutil.Process(pid).name()} (pid {pid})"
    except psutil.Error:
        pass
    return "another process"
