"""Every setting of every program, with unit, default and meaning; the environment is read here only.

``docs/settings.md`` is generated from this file. A composition root calls :func:`load` once and
hands values on; nothing else looks at the environment.
"""

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from maitred.errors import UsageError

__all__ = [
    "PREFIX",
    "Settings",
    "cache_folder",
    "child_environment",
    "load",
    "metrics_folder",
    "share_metrics",
]

PREFIX = "MAITRED_"

Port = Annotated[int, Field(ge=0, le=65535)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Settings(BaseSettings):
    """All settings; each is read from ``MAITRED_<FIELD>``."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    # where things are
    state_dir: Path = Field(Path(".maitred"), description="Folder that holds all state.")
    data_dir: Path | None = Field(None, description="First place where `data fetch` looks.")
    redis_url: str | None = Field(
        None, description="Redis or Valkey to use; unset: the embedded one."
    )
    kafka_bootstrap: str | None = Field(
        None, description="Kafka brokers, host:port, comma-separated; unset: the embedded one."
    )
    cache_dir: Path | None = Field(
        None,
        description="Downloads that all stacks share; unset: maitred in $XDG_CACHE_HOME or ~/.cache.",
    )
    chromium: Path | None = Field(None, description="Chromium for screenshots; unset: from PATH.")

    # addresses; None means the default port, moved when it is taken; 0 means any free one
    host: str = Field("127.0.0.1", description="Address that the services listen on.")
    inference_port: Port | None = Field(None, description="Port of inference (default 8080).")
    ingest_port: Port | None = Field(None, description="Port of ingest (default 8081).")
    console_port: Port | None = Field(None, description="Port of the console (default 8082).")
    ingest_url: str | None = Field(
        None,
        pattern=r"^https?://",
        description="Where inference and commands reach ingest; unset: this host, its port.",
    )
    valkey_port: Port | None = Field(None, description="Port of the embedded Valkey (6390).")
    kafka_port: Port | None = Field(None, description="Port of the embedded Kafka (9094).")

    metrics_port: Port | None = Field(
        None, description="Port where a consumer shows /healthz and /metrics; unset: any free one."
    )

    # security
    admin_key: SecretStr | None = Field(
        None, description="Key for every write but events; unset: made in <state>/admin.key."
    )
    pseudonym_key: SecretStr | None = Field(
        None,
        min_length=16,
        description="Key that turns diners' ids into pseudonyms at every door; unset: ids as they come.",
    )
    erasure_key: SecretStr | None = Field(
        None,
        description="Key of the tombstones of erased diners; unset: made in <state>/erasure.key.",
    )

    # Kafka, where it asks who we are
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How Kafka is spoken to."
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="How we prove to Kafka who we are, where the protocol is SASL."
    )
    kafka_sasl_username: str | None = Field(None, description="Name that Kafka knows us by.")
    kafka_sasl_password: SecretStr | None = Field(None, description="Password that goes with it.")
    kafka_ssl_ca_file: Path | None = Field(
        None, description="PEM file of whom to believe that a broker is one; unset: the system's."
    )
    kafka_ssl_cert_file: Path | None = Field(
        None, description="PEM file with our own certificate, where Kafka asks for one."
    )
    kafka_ssl_key_file: Path | None = Field(
        None, description="PEM file with the key of that certificate."
    )

    # serving
    workers: int = Field(1, ge=1, le=64, description="Inference processes.")
    pin_workers: bool = Field(
        default=True,
        description="Keep each inference process to a processor of its own, if there are as many.",
    )
    budget_ms: float = Field(
        70.0, gt=0, le=100, description="What the server plans with from the first byte, in ms."
    )
    redis_budget_ms: float = Field(
        15.0, gt=0, description="Longest trip to Redis, in ms; who waits for another waits twice."
    )
    warm_requests: int = Field(
        256, ge=0, description="Requests that a worker answers to itself before it is ready."
    )
    exploration_temperature: float = Field(
        0.1,
        ge=0,
        le=5,
        description="Plackett-Luce temperature of exploring replies; 0 turns exploration off.",
    )
    balanced_weight: Share | None = Field(
        None, description="Revenue weight of `balanced`; unset: the one in the artefact."
    )
    policies: Path | None = Field(
        None, description="TOML file of named policies; unset: the one that comes with the service."
    )
    seed: int = Field(7, ge=0, description="Seed of serving's random streams.")
    log_level: str = Field("INFO", description="DEBUG, INFO, WARNING or ERROR.")
    impressions_fd: int | None = Field(
        None,
        ge=0,
        description="Number of the socket between workers and their relay of impressions; "
        "the master sets it.",
    )

    # events
    events_topic: str = Field(
        "maitred.events.v1",
        pattern=r"^[a-zA-Z0-9._-]{1,200}$",
        description="Kafka topic of events; dead letters go to the same name with .dead added.",
    )
    spool_max_bytes: int = Field(
        256 * 1024 * 1024, ge=1024, description="Size of the spool at which ingest says 429, bytes."
    )
    dedup_days: int = Field(
        7, ge=1, description="How long an event id is remembered, days; older events are too_old."
    )
    future_tolerance_s: float = Field(
        300.0, ge=0, description="How far ahead an event's clock may be, seconds."
    )
    log_retention_hours: int = Field(168, ge=1, description="How long Kafka keeps events, hours.")
    commission_rate: Share = Field(
        0.15, description="Assumed share of a basket that is revenue where no event states it."
    )
    attribution_hours: float = Field(
        24.0,
        ge=0,
        description="How long after an impression an event that names no request may belong to it, hours.",
    )

    # retraining
    retrain_events: int = Field(
        5000, ge=1, description="New choices and clicks in the archive that start a retraining."
    )
    retrain_hours: float = Field(24.0, gt=0, description="Age of a model that starts a retraining.")
    retrain_traffic: str = Field(
        "live", description="Kinds of traffic that training reads, comma-separated."
    )
    retrain_limit_s: float = Field(
        3600.0,
        gt=0,
        description="Longest time of one step of a retraining, seconds; then it is ended.",
    )
    retrain_data: Path | None = Field(
        None, description="Data set folder that the archive's events are added to for retraining."
    )


def load() -> Settings:
    """Read the environment.

    Raises:
        UsageError: naming each variable that is out of its domain.
    """
    try:
        return Settings()
    except ValidationError as error:
        fields = tuple(
            (PREFIX + ".".join(str(part) for part in e["loc"]).upper(), e["msg"])
            for e in error.errors()
        )
        listing = "; ".join(f"{name}: {reason}" for name, reason in fields)
        msg = f"settings out of domain: {listing}"
        raise UsageError(
            msg, fields=fields, next_step="correct the variables; docs/settings.md lists them all"
        ) from error


def cache_folder(settings: Settings) -> Path:
    """Return the folder for downloads: outside the state, so that every stack on a machine shares it."""
    if settings.cache_dir is not None:
        return settings.cache_dir
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "maitred"


_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")


def child_environment(**fields: object) -> dict[str, str]:
    """Return the environment for a child process: ours, single-threaded numerics, and ``fields``.

    ``fields`` are settings by field name; None leaves one unset. Numeric libraries read their
    thread counts when they load, so they must be set before the child starts.
    """
    environment = dict(os.environ)
    environment |= dict.fromkeys(_THREADS, "1")
    for name, value in fields.items():
        if value is None:
            environment.pop(PREFIX + name.upper(), None)
        else:
            environment[PREFIX + name.upper()] = str(value)
    return environment


def single_threaded() -> None:
    """Let numeric libraries that are loaded after this use one thread, unless the environment says.

    The products here are small: on a busy machine threads cost more than they bring.
    """
    for name in _THREADS:
        os.environ.setdefault(name, "1")


_SHARED_METRICS = "PROMETHEUS_MULTIPROC_DIR"  # prometheus_client's name, read when it loads


def share_metrics(folder: Path) -> None:
    """Let the processes started from here on add up their metrics in ``folder``."""
    os.environ[_SHARED_METRICS] = str(folder)


def metrics_folder() -> Path | None:
    """Return the folder where this process's metrics are added up with its siblings', if any."""
    folder = os.environ.get(_SHARED_METRICS)
    return None if folder is None else Path(folder)
