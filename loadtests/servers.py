"""A Kafka and a Valkey of a bench's own."""

from contextlib import ExitStack
from pathlib import Path

from maitred.clock import SystemClock
from maitred.settings import cache_folder, child_environment, load
from services.local.broker import Broker, broker_launch
from services.local.jars import class_path
from services.local.java import find_java
from services.local.ports import free_port
from services.local.server import Server
from services.local.valkey import find_valkey, valkey_launch

__all__ = ["own_servers"]


def own_servers(home: Path, stack: ExitStack) -> tuple[Server, Server]:
    """Start a Kafka and a Valkey that keep everything in ``home``; they end with ``stack``."""
    broker = Broker(
        home=home / "kafka", port=free_port(), controller_port=free_port(), java=find_java(),
        class_path=class_path(cache_folder(load())), retention_hours=1,
    )  # fmt: skip
    environment = child_environment()
    kafka = broker_launch(broker, log=home / "kafka.log", environment=environment)
    valkey = valkey_launch(
        home=home / "valkey", port=free_port(), log=home / "valkey.log",
        environment=environment, binary=find_valkey(),
    )  # fmt: skip
    servers = Server(kafka, SystemClock()), Server(valkey, SystemClock())
    for server in servers:
        server.start()
        stack.callback(server.end)
    return servers
