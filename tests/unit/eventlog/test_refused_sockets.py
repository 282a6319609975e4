"""A Kafka that is away costs no file descriptors, however often it is asked."""

import gc
from collections.abc import Iterator

import psutil  # type: ignore[import-untyped]
import pytest

from maitred.errors import LogUnavailable
from maitred.settings import Settings
from services.eventlog.kafka import ensure_topics
from services.eventlog.topics import bootstrap_of, topics_of
from services.local.ports import free_port


@pytest.fixture
def uncollected() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("uncollected")
def test_refused_connections_leave_no_socket_behind() -> None:
    settings = Settings(kafka_bootstrap=f"127.0.0.1:{free_port()}")
    before = psutil.Process().num_fds()

    for _ in range(2):
        with pytest.raises(LogUnavailable, match="did not answer"):
            ensure_topics(bootstrap_of(settings), topics_of(settings))

    assert psutil.Process().num_fds() <= before
