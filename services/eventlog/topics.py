"""The topics: names, partitions, how long they keep records, and which brokers have them.

Nothing else names a topic.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, overload

from typing_extensions import override

from maitred.errors import UsageError
from maitred.settings import PREFIX, Settings

__all__ = ["MAX_RECORD_BYTES", "Brokers", "Topic", "Topics", "bootstrap_of", "topics_of"]

DEFAULT_PORT: Final = 9094
"""Where the embedded broker listens unless told otherwise."""

MAX_RECORD_BYTES: Final = 900_000
"""Longest value of a record: below the broker's and the client's limit of 1 MiB, with its headers."""

_DEAD: Final = {"segment.ms": str(3_600_000)}
"""What is purged leaves the disk with its segment, so segments are short."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it is created where it is missing; one that exists is left as it is."""

    name: str
    partitions: int
    retention: timedelta
    configuration: Mapping[str, str] = field(default_factory=dict)
    """What else Kafka is told about it, by Kafka's own names."""


@dataclass(frozen=True, slots=True)
class Topics:
    """``events`` holds what diners did and were shown, keyed by user id; ``dead`` what cannot be read.

    Records in ``dead`` keep key and value, and say in headers why and where they come from:
    ``reason``, ``topic``, ``partition``, ``offset``, ``consumer``, all UTF-8.
    """

    events: Topic
    dead: Topic


def topics_of(settings: Settings) -> Topics:
    """Return the topics that these settings name."""
    kept = timedelta(hours=settings.log_retention_hours)
    name = settings.events_topic
    return Topics(events=Topic(name, 4, kept), dead=Topic(f"{name}.dead", 1, 4 * kept, _DEAD))


@dataclass(frozen=True)
class Brokers(Sequence[str]):
    """Addresses of brokers, ``host:port``, and how they are spoken to.

    It can stand wherever addresses can: so no client can be made that forgets the password.
    """

    addresses: tuple[str, ...]
    protocol: str = "PLAINTEXT"
    mechanism: str = "SCRAM-SHA-512"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    cert_file: str | None = None
    key_file: str | None = None

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...
    @override
    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        return self.addresses[index]

    @override
    def __len__(self) -> int:
        return len(self.addresses)

    def security(self) -> dict[str, Any]:
        """Return what Kafka's client calls these settings; nothing where nothing is secured."""
        given: dict[str, Any] = {}
        if self.protocol != "PLAINTEXT":
            given["security_protocol"] = self.protocol
        if self.protocol.startswith("SASL"):
            given["sasl_mechanism"] = self.mechanism
            given["sasl_plain_username"] = self.username
            given["sasl_plain_password"] = self.password
        if self.protocol.endswith("SSL"):
            given["ssl_cafile"] = self.ca_file
            given["ssl_certfile"] = self.cert_file
            given["ssl_keyfile"] = self.key_file
        return given


def bootstrap_of(settings: Settings) -> Brokers:
    """Return the brokers that settings name, else where the embedded one listens.

    Raises:
        UsageError: the security settings do not fit together; names the ones at fault.
    """
    embedded = f"127.0.0.1:{settings.kafka_port or DEFAULT_PORT}"
    password = settings.kafka_sasl_password
    _check_security(settings)
    return Brokers(
        addresses=tuple((settings.kafka_bootstrap or embedded).split(",")),
        protocol=settings.kafka_security_protocol,
        mechanism=settings.kafka_sasl_mechanism,
        username=settings.kafka_sasl_username,
        password=password.get_secret_value() if password else None,
        ca_file=_text(settings.kafka_ssl_ca_file),
        cert_file=_text(settings.kafka_ssl_cert_file),
        key_file=_text(settings.kafka_ssl_key_file),
    )


def _check_security(settings: Settings) -> None:
    is_sasl = settings.kafka_security_protocol.startswith("SASL")
    wanted = ("kafka_sasl_username", "kafka_sasl_password") if is_sasl else ()
    files = ("kafka_ssl_ca_file", "kafka_ssl_cert_file", "kafka_ssl_key_file")
    given = {name: getattr(settings, name) for name in (*wanted, *files)}
    missing = [
        (PREFIX + name.upper(), "is not set, and the protocol is SASL")
        for name in wanted
        if not given[name]
    ] + [
        (PREFIX + name.upper(), f"there is no file {given[name]}")
        for name in files
        if given[name] is not None and not given[name].is_file()
    ]
    if missing:
        listing = "; ".join(f"{name}: {reason}" for name, reason in missing)
        msg = f"Kafka cannot be spoken to as settings say: {listing}"
        raise UsageError(msg, fields=tuple(missing), next_step="docs/settings.md lists them all")


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
