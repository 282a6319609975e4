"""How Kafka's client is set: against its traps, so that a record costs little CPU time, and safely.

Every client gets its settings here, so that none of them forgets who it has to be.
"""

from collections.abc import Sequence
from typing import Any, Final

from services.eventlog.topics import Brokers

__all__ = ["SOCKETS", "admin_settings", "consumer_settings", "producer_settings"]

SOCKETS: Final = "tidy"
"""Scheme of the sockets that every client uses: :class:`services.eventlog.admin.TidySocket`."""

_COMMON: Final[dict[str, Any]] = {
    "api_version": (4, 0),  # stated, so that no constructor waits for a broker to ask it
    "request_timeout_ms": 10_000,
    "reconnect_backoff_max_ms": 1_000,
    "metrics_enabled": False,
}
_PRODUCER: Final[dict[str, Any]] = (
    _COMMON
    | {
        "max_block_ms": 0,
        "acks": "all",
        "enable_idempotence": True,
        "delivery_timeout_ms": 86_400_000,  # an expired delivery kills the idempotent producer for good
        "batch_size": 512 * 1024,  # half of what a broker takes
        "compression_type": "zstd",  # the client's gzip is level 9: docs/adr/0051-impressions-leave-by-a-relay.md
    }
)
_CONSUMER: Final[dict[str, Any]] = _COMMON | {
    "enable_auto_commit": False,
    "auto_offset_reset": "earliest",
    "max_poll_records": 2_000,
    "fetch_min_bytes": 256 * 1024,  # each reply costs, however little it brings
}


def producer_settings(bootstrap: Sequence[str], linger_ms: int) -> dict[str, Any]:
    """Return a producer's settings; a record waits ``linger_ms`` for company."""
    return _PRODUCER | _connection(bootstrap) | {"linger_ms": linger_ms}


def consumer_settings(bootstrap: Sequence[str], name: str, gather_ms: int) -> dict[str, Any]:
    """Return a consumer's settings; the broker collects records for ``gather_ms`` at most."""
    return _CONSUMER | _connection(bootstrap) | {"group_id": name, "fetch_max_wait_ms": gather_ms}


def admin_settings(bootstrap: Sequence[str], within_ms: int) -> dict[str, Any]:
    """Return the settings of a client that asks about topics; it waits ``within_ms`` for a broker."""
    return {"bootstrap_timeout_ms": within_ms} | _connection(bootstrap)


def _connection(bootstrap: Sequence[str]) -> dict[str, Any]:
    """Return where the brokers are and how to speak to them; plain addresses mean no security."""
    given: dict[str, Any] = {
        "bootstrap_servers": list(bootstrap),
        "proxy_url": f"{SOCKETS}://",  # no proxy: the client's own way to have other sockets
    }
    if isinstance(bootstrap, Brokers):
        given |= bootstrap.security()
    return given
