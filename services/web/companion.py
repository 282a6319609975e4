"""A program that a master runs beside its workers. What it does is no business of the master's."""

from dataclasses import dataclass

__all__ = ["Companion"]


@dataclass(frozen=True, slots=True)
class Companion:
    """Started before the workers and stopped after them; started again when it ends by itself.

    ``argv`` is the whole command. It has the master's environment. Its standard input is a pipe that ends when the master is gone, however that
    happened: a companion should read it and end then. SIGTERM asks it to end, within
    ``stop_within_s`` seconds; it never sees Ctrl-C or SIGHUP.

    ``inbox`` names a setting that tells the number of a file descriptor: a Unix datagram socket,
    of which the companion has the receiving end and every worker the sending one. The master keeps
    both ends open, so what was sent waits in the kernel while a companion is started again. The
    kernel keeps few datagrams (``net.unix.max_dgram_qlen``): the sending end never blocks, a full one is ``BlockingIOError``.

    On a rolling restart the new one is started a second before the old one is asked to end, and for
    that moment both read.
    """

    name: str
    argv: tuple[str, ...]
    inbox: str | None = None
    stop_within_s: float = 5.0
