"""Where the services are and what opens them, for a program that only knows a state folder or two URLs."""

from dataclasses import dataclass

import orjson

from maitred.errors import UsageError
from maitred.settings import Settings

__all__ = [
    "Addresses",
    "find_addresses",
    "find_admin_key",
    "ingest_beside",
    "recorded",
    "with_servers",
]

_INFERENCE_PORT, _INGEST_PORT = 8080, 8081
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - compared, not bound


@dataclass(frozen=True, slots=True)
class Addresses:
    """Base URLs, without a slash at the end."""

    inference: str
    ingest: str


def find_addresses(
    settings: Settings, *, inference: str | None = None, ingest: str | None = None
) -> Addresses:
    """Return what was named, else the stack of the state folder, else the default ports."""
    known = recorded(settings)
    host = settings.host
    return Addresses(
        (
            inference
            or known.get("inference")
            or f"http://{host}:{settings.inference_port or _INFERENCE_PORT}"
        ).rstrip("/"),
        (ingest or settings.ingest_url or known.get("ingest") or ingest_beside(settings)).rstrip(
            "/"
        ),
    )


def ingest_beside(settings: Settings) -> str:
    """Return where ingest is for a program of its machine: the URL of the settings, else the port."""
    if settings.ingest_url is not None:
        return settings.ingest_url.rstrip("/")
    host = _ANYWHERE.get(settings.host, settings.host)
    return f"http://{host}:{settings.ingest_port or _INGEST_PORT}"


def recorded(settings: Settings) -> dict[str, str]:
    """Return the URLs of the state folder's stack, by service; nothing if none has run there."""
    path = settings.state_dir / "stack.json"
    try:
        services = orjson.loads(path.read_bytes())["services"]
        return {name: str(entry["url"]) for name, entry in services.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def with_servers(settings: Settings) -> Settings:
    """Return settings that name the Redis and the Kafka of the state folder's stack.

    For commands that a person types beside a stack, whose ports may have moved. What the settings
    say themselves stands.
    """
    known = recorded(settings)
    servers = {}
    if settings.redis_url is None and settings.valkey_port is None and "valkey" in known:
        servers["redis_url"] = known["valkey"]
    if settings.kafka_bootstrap is None and settings.kafka_port is None and "kafka" in known:
        servers["kafka_bootstrap"] = known["kafka"]
    return settings.model_copy(update=servers)


def find_admin_key(settings: Settings) -> str:
    """Return the key of the settings, else of the state folder; none is made.

    Raises:
        UsageError: if there is neither.
    """
    if settings.admin_key is not None:
        return settings.admin_key.get_secret_value()
    path = settings.state_dir / "admin.key"
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError as error:
        msg = f"there is no admin key at {path}"
        raise UsageError(msg, next_step="set MAITRED_ADMIN_KEY or MAITRED_STATE_DIR") from error
