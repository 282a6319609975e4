"""Real servers for tests, started by the same code that starts the embedded stack.

- ``valkey``: one server per session, emptied before each test and revived after it.
- ``kafka``: one broker per session; tests use topic names of their own.
- ``own_valkey``, ``own_kafka``: fresh servers for one test that breaks them.
- ``cluster_valkey``: the same as a cluster of one node.
- ``valkey_server``: the session's server for wider fixtures, which flush for themselves.
"""

import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import redis

from maitred.clock import SystemClock
from maitred.settings import cache_folder, child_environment, load
from services.local.broker import Broker, broker_launch
from services.local.jars import class_path
from services.local.java import find_java
from services.local.ports import free_port
from services.local.server import Server
from services.local.valkey import find_valkey, valkey_launch


@dataclass
class LiveServer:
    """A real server that a test may freeze, kill and start again on the same port and data."""

    server: Server

    @property
    def url(self) -> str:
        """For Valkey a redis:// URL, for Kafka host:port."""
        return self.server.url

    @property
    def port(self) -> int:
        return self.server.launch.port

    @property
    def pid(self) -> int:
        return self.server.pid

    def stop(self) -> None:
        """Freeze it (SIGSTOP)."""
        self.server.pause()

    def cont(self) -> None:
        """Let it go on (SIGCONT)."""
        self.server.resume()

    def kill(self) -> None:
        """End it with SIGKILL and wait until it is gone."""
        self.server.kill()

    def restart(self) -> None:
        """Start it again where it was, ending it first if it still runs, and wait until ready."""
        if self.server.exit_code() is None:
            self.server.end()
        self.server.start()

    def revive(self) -> None:
        """Undo what a test did: frozen goes on, dead is started."""
        if self.server.exit_code() is not None:
            self.server.start()
        self.server.resume()


@dataclass
class LiveValkey(LiveServer):
    """A Valkey server."""

    def flush(self) -> None:
        """Forget all keys and all scripts."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(b"FLUSHALL SYNC\r\nSCRIPT FLUSH SYNC\r\n")
            replies = b""
            while replies.count(b"\r\n") < 2:
                replies += connection.recv(100)
        assert replies == b"+OK\r\n+OK\r\n", replies


@dataclass
class LiveKafka(LiveServer):
    """A Kafka broker."""

    @property
    def bootstrap(self) -> str:
        """What clients are given, host:port."""
        return self.server.url


def _start_valkey(home: Path, *flags: str) -> LiveValkey:
    launch = valkey_launch(
        home=home,
        port=free_port(),
        log=home / "valkey.log",
        environment=child_environment(),
        binary=find_valkey(),
    )
    server = Server(replace(launch, command=(*launch.command, *flags)), SystemClock())
    server.start()
    return LiveValkey(server)


def _start_kafka(home: Path) -> LiveKafka:
    broker = Broker(
        home=home,
        port=free_port(),
        controller_port=free_port(),
        java=find_java(),
        class_path=class_path(cache_folder(load())),
        retention_hours=24,
    )
    launch = broker_launch(broker, log=home / "kafka.log", environment=child_environment())
    server = Server(launch, SystemClock())
    server.start()
    return LiveKafka(server)


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveValkey]:
    """One Valkey server per session; prefer ``valkey``, which is empty at the start of each test."""
    live = _start_valkey(tmp_path_factory.mktemp("valkey"))
    yield live
    live.kill()


@pytest.fixture
def valkey(valkey_server: LiveValkey) -> Iterator[LiveValkey]:
    """The session's Valkey server, empty; frozen or killed by the test, it is back for the next one."""
    valkey_server.flush()
    yield valkey_server
    valkey_server.revive()


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[LiveValkey]:
    """A fresh Valkey server for a test that breaks it."""
    live = _start_valkey(tmp_path / "own-valkey")
    yield live
    live.kill()


@pytest.fixture
def cluster_valkey(tmp_path: Path) -> Iterator[LiveValkey]:
    """A Valkey cluster of one node that holds all slots: keys of one command must share a slot."""
    bus = ("--cluster-enabled", "yes", "--cluster-port", str(free_port()))
    live = _start_valkey(tmp_path / "cluster-valkey", *bus)
    with redis.Redis.from_url(live.url) as client:
        client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        clock = SystemClock()
        until = clock.monotonic() + 10
        while b"cluster_state:ok" not in client.execute_command("CLUSTER", "INFO"):
            assert clock.monotonic() < until, "the cluster did not form"
            clock.sleep(0.05)
    yield live
    live.kill()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveKafka]:
    """One Kafka broker per session: use topic names of your own, leave it running."""
    live = _start_kafka(tmp_path_factory.mktemp("kafka"))
    yield live
    live.kill()


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[LiveKafka]:
    """A fresh Kafka broker for a test that breaks it."""
    live = _start_kafka(tmp_path / "own-kafka")
    yield live
    live.kill()
