"""A cluster of three brokers that keeps three copies: one may die, of two ingest's disk takes over."""

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from prometheus_client import CollectorRegistry

from loadtests.chaos.cluster import Cluster, running_cluster
from maitred.clock import SystemClock
from maitred.observability import Metrics
from services.consumers.audit import audit_archive
from services.consumers.deps import archive_folder
from services.eventlog.port import Entry
from services.eventlog.publisher import Publisher, open_publisher
from tests.support.loop import click, consuming, loop_settings
from tests.support.waiting import eventually

CLOCK = SystemClock()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster"), CLOCK) as live:
        yield live


def accept(publisher: Publisher, first: int, count: int) -> list[str]:
    """Publish clicks one after another; return the ids of those that became durable: all of them."""
    names = [f"e{number}" for number in range(first, first + count)]
    for name in names:
        entry = Entry(f"u-{name}", orjson.dumps(click(name, f"u-{name}")))
        publisher.publish([entry]).result(20)
    return names


def test_one_may_die_and_with_two_dead_events_wait_on_disk_until_they_are_back(
    tmp_path: Path, cluster: Cluster
) -> None:
    settings = loop_settings(tmp_path, cluster.bootstrap)
    folder = archive_folder(settings)
    metrics = Metrics(CollectorRegistry())
    first, second, _ = cluster.nodes
    with (
        open_publisher(settings, "ingest", clock=CLOCK, metrics=metrics) as publisher,
        consuming("archive", settings),
    ):
        names = accept(publisher, 0, 20)
        first.kill()
        names += accept(publisher, 20, 20)
        eventually(lambda: publisher.spooled == 0, within_s=60)
        eventually(lambda: audit_archive(folder, names).is_sound, within_s=60)

        second.kill()
        names += accept(publisher, 40, 20)
        CLOCK.sleep(1.5)
        waiting = publisher.spooled
        while_two_were_dead = audit_archive(folder, names)
        cluster.start()

        eventually(lambda: publisher.spooled == 0, within_s=60)
        eventually(lambda: audit_archive(folder, names).is_sound, within_s=60)
    assert waiting >= 19
    assert len(while_two_were_dead.missing) >= 19
