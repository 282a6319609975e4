"""The topics: names, partitions, how long they keep records, and which brokers have them.

Nothing else names a topic.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from maitred.settings import Settings

__all__ = ["MAX_RECORD_BYTES", "Topic", "Topics", "bootstrap_of", "topics_of"]

DEFAULT_PORT: Final = 9094
"""Where the embedded broker listens unless told otherwise."""

MAX_RECORD_BYTES: Final = 900_000
"""Longest value of a record: below the broker's and the client's limit of 1 MiB, with its headers."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it is created where it is missing; one that exists is left as it is."""

    name: str
    partitions: int
    retention: timedelta


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
    return Topics(events=Topic(name, 4, kept), dead=Topic(f"{name}.dead", 1, 4 * kept))


def bootstrap_of(settings: Settings) -> list[str]:
    """Return the brokers that settings name, else where the embedded one listens."""
    embedded = f"127.0.0.1:{settings.kafka_port or DEFAULT_PORT}"
    return (settings.kafka_bootstrap or embedded).split(",")
