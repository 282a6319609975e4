"""Composition root of the stack: settings and a table of programs in, a frozen plan out.

Everything that may be refused (a taken port, a missing server, a folder that cannot be formatted) is
refused here, before the first process starts.
"""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from pydantic import SecretStr

from maitred.settings import Settings, cache_folder, child_environment
from services.local.broker import Broker, broker_launch
from services.local.folder import Entry, StackFolder
from services.local.jars import class_path
from services.local.java import find_java
from services.local.launch import Launch
from services.local.ports import Ports
from services.local.probes import Kind, Probe, split_address
from services.local.programs import Program
from services.local.valkey import find_valkey, valkey_launch

__all__ = ["Plan", "explicit_fields", "fetch_ahead", "plan_stack"]

_VALKEY_PORT, _KAFKA_PORT = 6390, 9094
_REDIS_PORT, _BOOTSTRAP_PORT = 6379, 9092


@dataclass(frozen=True, slots=True)
class Plan:
    """What to start, stage after stage; what is only watched; and what a person should be told."""

    stages: tuple[tuple[Launch, ...], ...]
    external: dict[str, Entry]
    notices: tuple[str, ...]
    admin_key: str = field(repr=False)


def fetch_ahead(settings: Settings) -> None:
    """Fetch what the embedded Kafka needs, while there is a terminal to show progress on."""
    if settings.kafka_bootstrap is None:
        class_path(cache_folder(settings))


def plan_stack(settings: Settings, folder: StackFolder, programs: tuple[Program, ...]) -> Plan:
    """Choose ports, prepare folders and describe every process.

    Raises:
        StackRefused: a configured port is taken, or a server is not to be had.
    """
    ports = Ports()
    doors = _door_ports(settings, programs, ports)
    external: dict[str, Entry] = {}
    servers: list[Launch] = []
    redis_url, kafka_bootstrap = settings.redis_url, settings.kafka_bootstrap
    if redis_url is None:
        servers.append(_valkey(settings, folder, ports))
        redis_url = servers[-1].url
    else:
        external["valkey"] = _external_redis(redis_url)
    if kafka_bootstrap is None:
        servers.append(_kafka(settings, folder, ports))
        kafka_bootstrap = servers[-1].url
    else:
        external["kafka"] = _external_kafka(kafka_bootstrap)
    admin_key = _admin_key(settings, folder)
    shared: dict[str, object] = {
        **explicit_fields(settings),
        **{program.port_field: port for program, port in doors.items()},
        "state_dir": folder.root,
        "redis_url": redis_url,
        "kafka_bootstrap": kafka_bootstrap,
        "admin_key": admin_key,
        "metrics_port": None,
    }
    ours = tuple(
        _program(program, doors.get(program) or ports.any_free(), settings, folder, shared)
        for program in programs
    )
    return Plan((tuple(servers), ours), external, tuple(ports.moves), admin_key)


def _door_ports(
    settings: Settings, programs: tuple[Program, ...], ports: Ports
) -> dict[Program, int]:
    """Choose the ports of the programs that have a well-known one."""
    return {
        program: ports.choose(
            program.name, getattr(settings, program.port_field), program.default_port
        )
        for program in programs
        if program.default_port is not None
    }


def _valkey(settings: Settings, folder: StackFolder, ports: Ports) -> Launch:
    return valkey_launch(
        home=folder.root / "valkey",
        port=ports.choose("valkey", settings.valkey_port, _VALKEY_PORT),
        log=folder.log("valkey"),
        environment=child_environment(state_dir=folder.root),
        binary=find_valkey(),
    )


def _kafka(settings: Settings, folder: StackFolder, ports: Ports) -> Launch:
    broker = Broker(
        home=folder.root / "kafka",
        port=ports.choose("kafka", settings.kafka_port, _KAFKA_PORT),
        controller_port=ports.any_free(),
        java=find_java(),
        class_path=class_path(cache_folder(settings)),
        retention_hours=settings.log_retention_hours,
    )
    environment = child_environment(state_dir=folder.root)
    return broker_launch(broker, log=folder.log("kafka"), environment=environment)


def _program(
    program: Program,
    port: int,
    settings: Settings,
    folder: StackFolder,
    shared: dict[str, object],
) -> Launch:
    anywhere = settings.host in {"0.0.0.0", "::"}  # noqa: S104 - compared, not bound
    url = f"http://{'127.0.0.1' if anywhere else settings.host}:{port}"
    return Launch(
        name=program.name,
        command=(sys.executable, *program.arguments),
        environment=child_environment(**shared | {program.port_field: port}),
        log=folder.log(program.name),
        url=url,
        port=port,
        ready=Probe("http", url + program.health_path),
        metrics_url=url + program.metrics_path,
        stop_within_s=program.stop_within_s,
    )


def _external_redis(url: str) -> Entry:
    host, port = split_address(url, _REDIS_PORT)
    # PING goes over a plain connection; of one with TLS only the port is tried.
    kind: Kind = "redis" if url.startswith("redis://") else "tcp"
    parts = urlsplit(url)
    shown = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return Entry(shown, port, kind, f"{host}:{port}", external=True)


def _external_kafka(bootstrap: str) -> Entry:
    addresses = [split_address(part.strip(), _BOOTSTRAP_PORT) for part in bootstrap.split(",")]
    target = ",".join(f"{host}:{port}" for host, port in addresses)
    return Entry(bootstrap, addresses[0][1], "tcp", target, external=True)


def _admin_key(settings: Settings, folder: StackFolder) -> str:
    if settings.admin_key is not None:
        return settings.admin_key.get_secret_value()
    return folder.admin_key()


def explicit_fields(settings: Settings) -> dict[str, object]:
    """Return the settings that were set on purpose, for children that read the environment only."""
    values: dict[str, object] = {}
    for name in settings.model_fields_set:
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            value = value.get_secret_value()
        values[name] = value.absolute() if isinstance(value, Path) else value
    return values
