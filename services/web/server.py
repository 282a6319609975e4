"""uvicorn's server as a worker of a master: tells when it is ready, and leaves in peace."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final, cast

import uvicorn
from typing_extensions import override
from uvicorn.lifespan.on import LifespanOn, LifespanSendMessage

from maitred.clock import Clock
from maitred.priority import keep_off, keep_to, roam
from services.web.protocol import PatientProtocol, ServingState

__all__ = ["WorkerServer"]

_log = logging.getLogger(__name__)

LINGER_S: Final = 1.0
"""How long a draining worker answers on open connections, until each has said that it is the last."""

LEAVING_S: Final = 0.8
"""Over so long its connections leave one after another: whoever takes over begins gently."""

REQUESTS_S: Final = 4.0
"""How long, from the start of the draining, it waits for what it answers; then that is cancelled."""

_LOOK_S: Final = 0.02
_TICKS_A_SWEEP: Final = 5
_LOOKS_A_TURN: Final = 500
_CUTS_A_TURN: Final = 8
_ORPHANED: Final = 1


class _Lifespan(LifespanOn):
    """Remembers why a start-up failed."""

    reason = "its start-up failed"

    @override
    async def send(self, message: LifespanSendMessage) -> None:
        if message["type"] == "lifespan.startup.failed" and (said := message.get("message")):
            self.reason = said.strip().splitlines()[-1]
        await super().send(message)


class WorkerServer(uvicorn.Server):
    """Serves on sockets that the master opened.

    ``on_ready`` is called once, when the application has started and connections are accepted;
    ``on_failure`` with the reason when it will never be. From ready until it drains, the thread of
    the event loop keeps to ``processor``, if that is given, and off it afterwards; the others roam.
    """

    server_state: ServingState

    def __init__(
        self,
        config: uvicorn.Config,
        clock: Clock,
        *,
        processor: int | None = None,
        on_ready: Callable[[], None],
        on_failure: Callable[[str], None],
    ) -> None:
        super().__init__(config)
        self.server_state = ServingState(clock.monotonic)
        self._clock = clock
        self._processor = processor
        self._on_ready, self._on_failure = on_ready, on_failure
        config.load()
        config.lifespan_class = _Lifespan

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        roaming = ThreadPoolExecutor(thread_name_prefix="asyncio", initializer=roam)
        asyncio.get_running_loop().set_default_executor(roaming)
        try:
            await super().startup(sockets)
        except SystemExit:
            self._on_failure(cast("_Lifespan", self.lifespan).reason)
            raise
        if self._processor is not None:
            keep_to(self._processor)
        self._on_ready()

    @override
    async def on_tick(self, counter: int) -> bool:
        if counter % _TICKS_A_SWEEP == 0:
            await self._sweep()
        return await super().on_tick(counter)

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain: no new connections, then no new requests, then nothing."""
        if self._processor is not None:
            keep_off(self._processor)  # a successor keeps to it now
        began = self._clock.monotonic()
        for server in self.servers:
            server.close()
        connections = self._connections()
        for number, connection in enumerate(connections):
            connection.leave(began + LEAVING_S * number / len(connections))
        await self._until(lambda: not self.server_state.connections, began + LINGER_S)
        for connection in self._connections():
            connection.leave(began)
        await self._until(self._is_done, began + REQUESTS_S)
        for connection in self._connections():
            connection.transport.abort()
        if self.server_state.tasks:
            _log.error("%d requests were not answered in time", len(self.server_state.tasks))
            for task in list(self.server_state.tasks):
                task.cancel()
        await self.lifespan.shutdown()

    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGTERM drains, a second one hurries; without a master there is nothing to do any more."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._told_to_end)
        loop.add_reader(sys.stdin.fileno(), self._note_orphaned)
        try:
            yield
        finally:
            loop.remove_reader(sys.stdin.fileno())

    def _told_to_end(self) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True

    def _note_orphaned(self) -> None:
        """End at once: a successor would find the port and this process's folders taken."""
        if not os.read(sys.stdin.fileno(), 1):
            os._exit(_ORPHANED)

    def _is_done(self) -> bool:
        for connection in self._connections():
            connection.close_if_idle()
        return not self.server_state.connections and not self.server_state.tasks

    async def _until(self, claim: Callable[[], bool], moment: float) -> None:
        while not claim() and self._clock.monotonic() < moment and not self.force_exit:
            await self._sweep()
            await asyncio.sleep(_LOOK_S)

    async def _sweep(self) -> None:
        """Cut overdue clients, a few at a time: requests that come meanwhile must not wait for it."""
        cut = 0
        for number, connection in enumerate(self._connections(), start=1):
            is_cut = connection.close_if_overdue()
            cut += is_cut
            if number % _LOOKS_A_TURN == 0 or (is_cut and cut % _CUTS_A_TURN == 0):
                await asyncio.sleep(0)
        if cut:
            _log.info("cut %d clients that did not send their request in time", cut)

    def _connections(self) -> list[PatientProtocol]:
        return cast("list[PatientProtocol]", list(self.server_state.connections))
