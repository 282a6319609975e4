"""A publisher over a log in memory, with limits that a test chooses."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry

from maitred.clock import SystemClock
from maitred.observability import Metrics
from services.eventlog.delivery import Limits
from services.eventlog.memory import MemoryBroker, MemoryLogWriter
from services.eventlog.publisher import Publisher
from services.eventlog.spool import Spool

HASTY = Limits(patience_s=0.2, drain_patience_s=0.3, retry_s=0.01)


@dataclass
class Publishing:
    publisher: Publisher
    broker: MemoryBroker
    metrics: Metrics
    log: MemoryLogWriter

    def values(self) -> list[bytes]:
        return [record.value for record in self.broker.records("t")]

    def metric(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


@contextmanager
def publishing(
    folder: Path,
    *,
    broker: MemoryBroker | None = None,
    limits: Limits = HASTY,
    max_bytes: int = 1 << 20,
) -> Iterator[Publishing]:
    broker = broker or MemoryBroker()
    clock, metrics = SystemClock(), Metrics(CollectorRegistry())
    spool = Spool.claim(folder, "test", max_bytes=max_bytes)
    log = MemoryLogWriter(broker)
    publisher = Publisher(log, spool, "t", clock=clock, metrics=metrics, limits=limits)
    publisher.start()
    try:
        yield Publishing(publisher, broker, metrics, log)
    finally:
        publisher.close(0.2)
