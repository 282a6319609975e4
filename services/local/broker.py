"""A real Apache Kafka broker for one machine: KRaft, one node, its log kept under the state folder.

What a cluster of several nodes, or a listener that asks for a password, needs beside is overridden.

Numbers below were measured against 4.4.0; docs/adr/0010-embedded-stack.md says what each is for.
"""

import base64
import json
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Final

from maitred.errors import StackRefused
from maitred.priority import behind
from services.local.java import Java
from services.local.launch import Launch
from services.local.probes import Probe

__all__ = ["Broker", "broker_launch", "new_cluster_id"]

_LOOPBACK: Final = "127.0.0.1"
_FORMAT_WITHIN_S: Final = 60.0
_RETENTION_BYTES: Final = 2 * 1024**3
_SEGMENT_BYTES: Final = 64 * 1024**2
_MS_PER_HOUR: Final = 3_600_000


_NICENESS: Final = 5
"""On one machine the broker gives way to what answers diners: their events are durable a little later."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where a broker lives and what it may keep; ``retention_bytes`` holds per partition."""

    home: Path
    port: int
    controller_port: int
    java: Java
    class_path: str
    retention_hours: int
    retention_bytes: int = _RETENTION_BYTES
    overrides: Mapping[str, str] = field(default_factory=dict)
    """Kafka's own settings that replace or join those of :meth:`properties`."""
    cluster_id: str | None = None
    """None: one is made. Nodes of a cluster share it."""
    users: tuple[str, ...] = ()
    """Users that a new folder knows, as Kafka's tool wants them: ``SCRAM-SHA-512=[name=…,password=…]``."""

    @property
    def log_dir(self) -> Path:
        """Folder of Kafka's own logs, the events."""
        return self.home.absolute() / "data"

    def properties(self) -> str:
        """Return server.properties. One node: every replication factor is 1, if not overridden."""
        listener, controller = (f"{_LOOPBACK}:{port}" for port in (self.port, self.controller_port))
        settings = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{controller}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://{listener},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{listener}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": str(self.log_dir),
            "num.partitions": "1",
            "auto.create.topics.enable": "false",
            # One node, one copy, few partitions of the inner topics.
            "offsets.topic.num.partitions": "1",
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.num.partitions": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "share.coordinator.state.topic.num.partitions": "1",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            # Back in 2.5 s after kill -9 instead of 12; a consumer's group without a waiting time.
            "broker.session.timeout.ms": "1000",
            "broker.heartbeat.interval.ms": "250",
            "group.min.session.timeout.ms": "1000",
            "group.initial.rebalance.delay.ms": "0",
            # What is kept, and in what pieces it can be dropped.
            "log.segment.bytes": str(_SEGMENT_BYTES),
            "log.retention.ms": str(self.retention_hours * _MS_PER_HOUR),
            "log.retention.bytes": str(self.retention_bytes),
            # A small machine: few threads, small buffers.
            "num.network.threads": "2",
            "num.io.threads": "2",
            "log.cleaner.dedupe.buffer.size": str(4 * 1024**2),
            **self.overrides,
        }
        # Java reads the file as Latin-1 and takes a backslash for an escape, as JSON's strings do.
        return "".join(f"{name}={json.dumps(value)[1:-1]}\n" for name, value in settings.items())


def broker_launch(broker: Broker, *, log: Path, environment: Mapping[str, str]) -> Launch:
    """Write the broker's files, format its folder if it is new, and describe how to start it.

    Raises:
        StackRefused: the folder cannot be formatted; the reason is Kafka's own.
    """
    broker.home.mkdir(parents=True, exist_ok=True)
    properties = broker.home.absolute() / "server.properties"
    properties.write_text(broker.properties(), "utf-8")
    logging = broker.home.absolute() / "log4j2.xml"
    logging.write_text(_logging_configuration(), "utf-8")
    options = broker.home.absolute() / "java.options"
    options.write_text(_option_file(broker, logging), "utf-8")
    java = (str(broker.java.executable), f"@{options}")
    # In the C locale Java cannot open a folder whose name has an accent.
    environment = {**environment, "LC_ALL": "C.UTF-8"}
    if not (broker.log_dir / "meta.properties").exists():
        _format(broker, java, properties, environment)
    return Launch(
        name="kafka",
        command=behind((*java, "kafka.Kafka", str(properties)), _NICENESS),
        environment=environment,
        log=log,
        url=f"{_LOOPBACK}:{broker.port}",
        port=broker.port,
        ready=Probe("kafka", f"{_LOOPBACK}:{broker.port}"),
        ready_within_s=60.0,
        stop_within_s=15.0,
    )


def _option_file(broker: Broker, logging: Path) -> str:
    """Return Java's options, one a line; 45 jars would make every list of processes unreadable."""
    options = (
        *broker.java.options,
        f"-Dlog4j2.configurationFile={logging}",
        "-cp",
        broker.class_path,
    )
    quoted = (option.replace("\\", "\\\\").replace('"', '\\"') for option in options)
    return "".join(f'"{option}"\n' for option in quoted)


def new_cluster_id() -> str:
    """Return an id as Kafka makes them."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


def _format(
    broker: Broker, java: tuple[str, ...], properties: Path, environment: Mapping[str, str]
) -> None:
    # An id may begin with "-", hence one argument with "=".
    cluster = broker.cluster_id or new_cluster_id()
    command = (
        *java,
        "kafka.tools.StorageTool",
        "format",
        f"--cluster-id={cluster}",
        f"--config={properties}",
        *(f"--add-scram={user}" for user in broker.users),
    )
    try:
        done = subprocess.run(  # noqa: S603 - our own command line, no shell
            command,
            env=dict(environment),
            capture_output=True,
            text=True,
            timeout=_FORMAT_WITHIN_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        msg = f"Kafka's folder could not be formatted: {error}"
        raise StackRefused(msg) from error
    if done.returncode:
        msg = f"Kafka's folder could not be formatted: {(done.stderr or done.stdout).strip()}"
        raise StackRefused(msg, next_step="is there room on the disk, and may this user write?")


def _logging_configuration() -> str:
    return resources.files("services.local").joinpath("log4j2.xml").read_text("utf-8")
