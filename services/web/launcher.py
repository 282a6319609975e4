"""Starts a program: its socket, its folder, its master; and stops it gently."""

import os
import socket
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import repeat

from maitred.clock import SystemClock
from maitred.errors import Refused
from maitred.observability import configure_logging
from maitred.priority import processors
from maitred.settings import Settings, child_environment, share_metrics
from services.web.child import ANYWHERE, Recipe
from services.web.companion import Companion
from services.web.folder import ProgramFolder
from services.web.master import Master

__all__ = ["run"]

_BACKLOG = 2048


def run(
    program: str,
    app_factory: str,
    settings: Settings,
    *,
    port: int,
    workers: int = 1,
    pinned: bool = False,
    companions: Sequence[Companion] = (),
) -> None:
    """Serve until SIGTERM or Ctrl-C; running requests are answered first. SIGHUP: rolling restart.

    ``app_factory`` is ``"module:function"``: each worker imports it and calls it without
    arguments. Workers and companions add up their metrics in a folder of the state. ``pinned``:
    each worker keeps to a processor, if there are several and one for each.

    Raises:
        Refused: the port is taken, or no worker can start.
    """
    configure_logging(settings.log_level)
    with ExitStack() as stack:
        listener = stack.enter_context(_listening(settings.host, port))
        folder = stack.enter_context(ProgramFolder.claim(settings.state_dir, program))
        share_metrics(folder.metrics)
        senders: dict[str, int] = {}
        beside = [_companion(companion, stack, senders) for companion in companions]
        fd = listener.fileno()
        work = [
            Recipe(
                name=f"{program} worker",
                argv=(sys.executable, "-m", "services.web.worker", app_factory, str(fd), where),
                environment=child_environment(**senders),
                pass_fds=(fd, *senders.values()),
                tells_ready=True,
            )
            for where in _places(workers, pinned=pinned)
        ]
        Master(program, folder, SystemClock(), work, beside).run()


def _places(workers: int, *, pinned: bool) -> Iterable[str]:
    """Return the processor of each worker."""
    there = processors()
    if not pinned or len(there) < max(workers, 2):
        return repeat(ANYWHERE, workers)
    return map(str, there[:workers])


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        msg = f"cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}"
        raise Refused(msg, next_step="end what listens there, or choose another port") from error
    with listener:
        listener.settimeout(0)  # its workers share this, too
        yield listener


def _companion(companion: Companion, stack: ExitStack, senders: dict[str, int]) -> Recipe:
    """Return how to start it; the sending end of its inbox is added to ``senders``."""
    fields: dict[str, object] = {}
    fds: tuple[int, ...] = ()
    if companion.inbox is not None:
        receiving, sending = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        for end in (receiving, sending):
            stack.enter_context(end)
        sending.settimeout(0)  # for every worker: a full inbox is an error, never a wait
        senders[companion.inbox] = sending.fileno()
        fields[companion.inbox] = receiving.fileno()
        fds = (receiving.fileno(),)
    return Recipe(
        name=companion.name,
        argv=companion.argv,
        environment=child_environment(**fields),
        pass_fds=fds,
        stop_within_s=companion.stop_within_s,
    )
