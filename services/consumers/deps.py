"""Composition root of the consumers: settings in, a runner that is ready to run out."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal

from prometheus_client import CollectorRegistry

from maitred.archive.writer import open_writer
from maitred.clock import Clock
from maitred.observability import Metrics
from maitred.settings import Settings
from maitred.store.client import connect
from maitred.store.state import StateStore
from services.consumers.archiver import ArchiveConsumer
from services.consumers.batch import Consumer
from services.consumers.dead import DeadLetters
from services.consumers.features import FeaturesConsumer
from services.consumers.health import serve_health
from services.consumers.runner import Runner
from services.eventlog.kafka import KafkaLogReader, KafkaLogWriter
from services.eventlog.topics import bootstrap_of, topics_of

__all__ = ["Which", "archive_folder", "dead_reader", "open_runner"]

Which = Literal["features", "archive"]
_DEFAULT_VALKEY_PORT = 6390
_REDIS_TIMEOUT_S = 2.0


def archive_folder(settings: Settings) -> Path:
    """Return where the archive lies."""
    return settings.state_dir / "archive"


def dead_reader(settings: Settings, clock: Clock) -> KafkaLogReader:
    """Return a reader of the dead letters that remembers nothing."""
    topics = topics_of(settings)
    bootstrap = bootstrap_of(settings)
    return KafkaLogReader(bootstrap, topics, topics.dead.name, "maitred.dead", clock=clock)


@contextmanager
def open_runner(which: Which, settings: Settings, clock: Clock) -> Iterator[Runner]:
    """Yield the runner of one consumer, its HTTP window open; Kafka and Redis need not be there.

    Raises:
        Refused: another process runs this consumer on the same state folder.
    """
    metrics = Metrics(CollectorRegistry())
    topics, bootstrap = topics_of(settings), bootstrap_of(settings)
    with ExitStack() as stack:
        consumer = _consumer(which, settings, clock, stack)
        name = f"maitred.{consumer.name}"
        reader = KafkaLogReader(bootstrap, topics, topics.events.name, name, clock=clock)
        stack.callback(reader.close)
        runner = Runner(consumer, reader, clock=clock, metrics=metrics)
        port = settings.metrics_port or 0
        stack.enter_context(
            serve_health(settings.host, port, registry=metrics.registry, is_alive=runner.is_alive)
        )
        yield runner


def _consumer(which: Which, settings: Settings, clock: Clock, stack: ExitStack) -> Consumer:
    topics = topics_of(settings)
    if which == "features":
        port = settings.valkey_port or _DEFAULT_VALKEY_PORT
        url = settings.redis_url or f"redis://127.0.0.1:{port}"
        return FeaturesConsumer(
            StateStore(stack.enter_context(connect(url, timeout_s=_REDIS_TIMEOUT_S)))
        )
    opened = open_writer(
        archive_folder(settings),
        topics.events.name,
        clock=clock,
        dedup_days=settings.dedup_days,
    )
    writer = stack.enter_context(opened)
    log = KafkaLogWriter(bootstrap_of(settings), topics, clock=clock)
    stack.callback(log.close, 1.0)
    return ArchiveConsumer(writer, DeadLetters(log, topics.dead.name, "archive"), clock=clock)
