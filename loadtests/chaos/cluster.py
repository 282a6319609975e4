"""A real KRaft cluster of three embedded brokers: three copies, of which two must acknowledge."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from maitred.clock import Clock
from maitred.settings import cache_folder, child_environment, load
from services.local.broker import Broker, broker_launch, new_cluster_id
from services.local.jars import class_path
from services.local.java import find_java
from services.local.ports import Ports
from services.local.server import Server

__all__ = ["Cluster", "running_cluster"]

_NODES: Final = (1, 2, 3)
_COPIES, _IN_SYNC = "3", "2"
_INNER_TOPICS: Final = ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic")


@dataclass(frozen=True, slots=True)
class Cluster:
    """Three brokers, each of which is a controller too."""

    nodes: tuple[Server, ...]

    @property
    def bootstrap(self) -> str:
        """What clients are given."""
        return ",".join(node.url for node in self.nodes)

    def start(self) -> None:
        """Start those that do not run, and wait until all of them answer: one needs another."""
        starting = [
            node for node in self.nodes if node.child is None or node.exit_code() is not None
        ]
        for node in starting:
            node.spawn()
        for node in starting:
            node.wait_ready()

    def kill(self) -> None:
        """End all at once (SIGKILL)."""
        for node in self.nodes:
            node.kill()


@contextmanager
def running_cluster(home: Path, clock: Clock) -> Iterator[Cluster]:
    """Yield a running cluster that keeps its logs in ``home``; it ends with the block."""
    ports = Ports()
    controllers = {node: ports.any_free() for node in _NODES}
    voters = ",".join(f"{node}@127.0.0.1:{port}" for node, port in controllers.items())
    cluster_id = new_cluster_id()
    launches = []
    for node, controller_port in controllers.items():
        folder = home / f"broker-{node}"
        broker = Broker(
            home=folder,
            port=ports.any_free(),
            controller_port=controller_port,
            java=find_java(),
            class_path=class_path(cache_folder(load())),
            retention_hours=24,
            cluster_id=cluster_id,
            overrides=_of_three(node, voters),
        )
        log = folder / "kafka.log"
        launches.append(broker_launch(broker, log=log, environment=child_environment()))
    cluster = Cluster(tuple(Server(launch, clock) for launch in launches))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.kill()


def _of_three(node: int, voters: str) -> dict[str, str]:
    copies = {f"{topic}.replication.factor": _COPIES for topic in _INNER_TOPICS}
    in_sync = {f"{topic}.min.isr": _IN_SYNC for topic in _INNER_TOPICS[1:]}
    return {
        "node.id": str(node),
        "controller.quorum.voters": voters,
        "default.replication.factor": _COPIES,
        "min.insync.replicas": _IN_SYNC,
        "broker.session.timeout.ms": "3000",  # three of them on two cores are late sometimes
        **copies,
        **in_sync,
    }
