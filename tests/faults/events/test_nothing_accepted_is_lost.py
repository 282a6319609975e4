"""Accepted events through kill -9 of every process of the loop and of the broker: once, always."""

import signal
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from maitred import archive
from maitred.clock import SystemClock
from maitred.settings import Settings
from services.consumers.audit import audit_archive
from services.consumers.deps import archive_folder
from services.local.ports import free_port
from tests.support.loop import click, loop_settings, start
from tests.support.publishing import eventually
from tests.support.servers import LiveKafka

CLOCK = SystemClock()


@dataclass
class Program:
    module: str
    arguments: tuple[str, ...]
    settings: Settings
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = self.settings.state_dir / f"{self.module}.log"
        self.process = start(self.module, *self.arguments, settings=self.settings, log=log)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def end(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(10)


@dataclass
class Client:
    """Sends batch after batch, and again those that got no answer, as a good client does."""

    url: str
    accepted: list[str] = field(default_factory=list)
    is_done: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        number = 0
        with httpx.Client(base_url=self.url, timeout=5) as client:
            while not self.is_done.is_set():
                ids = [f"e{number + n}" for n in range(20)]
                number += 20
                batch = [click(name, user=f"u{hash(name) % 50}") for name in ids]
                if self.send(client, batch):
                    self.accepted += ids
                CLOCK.sleep(0.01)

    def send(self, client: httpx.Client, batch: list[dict[str, object]]) -> bool:
        while not self.is_done.is_set():
            try:
                reply = client.post("/v1/events", json={"events": batch})
            except httpx.TransportError:
                CLOCK.sleep(0.05)
                continue
            assert reply.status_code in {202, 429}, reply.text
            if reply.status_code == 202:
                return True
            CLOCK.sleep(0.05)
        return False


@pytest.fixture
def loop(tmp_path: Path, own_kafka: LiveKafka) -> Iterator[tuple[Program, Program, Client]]:
    port = free_port()
    settings = loop_settings(tmp_path / "state", own_kafka.bootstrap, ingest_port=port)
    settings.state_dir.mkdir()
    ingest = Program("services.ingest", (), settings)
    archiver = Program("services.consumers", ("archive",), settings)
    client = Client(f"http://127.0.0.1:{port}")
    ingest.start()
    archiver.start()
    thread = threading.Thread(target=client.run)
    thread.start()
    yield ingest, archiver, client
    client.is_done.set()
    thread.join(10)
    for program in (ingest, archiver):
        program.kill()


def stop_client(client: Client) -> None:
    client.is_done.set()
    CLOCK.sleep(0.2)


def assert_archived_once(archiver: Program, client: Client) -> None:
    folder = archive_folder(archiver.settings)
    accepted = list(client.accepted)
    eventually(lambda: not audit_archive(folder, accepted).missing, within_s=30)
    found = audit_archive(folder, accepted)
    assert found.is_sound, found.as_dict()


def archived(archiver: Program) -> int:
    return archive.count(archive_folder(archiver.settings))


def more(client: Client, count: int) -> None:
    goal = len(client.accepted) + count
    eventually(lambda: len(client.accepted) >= goal, within_s=30)


def test_through_kill_9_of_the_archiver(loop: tuple[Program, Program, Client]) -> None:
    _, archiver, client = loop

    for pause_s in (1.2, 1.9, 1.5):
        more(client, 200)
        CLOCK.sleep(pause_s)
        archiver.kill()
        archiver.start()
    stop_client(client)

    assert_archived_once(archiver, client)
    assert archiver.end() == 0


def test_through_kill_9_of_the_broker_and_of_ingest(
    loop: tuple[Program, Program, Client], own_kafka: LiveKafka
) -> None:
    ingest, archiver, client = loop
    more(client, 400)

    own_kafka.kill()
    more(client, 400)  # accepted onto the disk
    spooled = httpx.get(f"{client.url}/metrics").text
    ingest.kill()
    ingest.start()
    more(client, 400)
    own_kafka.restart()
    more(client, 400)
    stop_client(client)

    assert "maitred_events_spooled_total 0.0" not in spooled
    eventually(lambda: httpx.get(f"{client.url}/readyz").json()["spooled"] == 0, within_s=30)
    assert_archived_once(archiver, client)
    assert ingest.end() in {0, -signal.SIGTERM}  # uvicorn repeats the signal when all is closed


def test_a_consumer_that_is_told_to_stop_is_gone_within_five_seconds(
    loop: tuple[Program, Program, Client], own_kafka: LiveKafka
) -> None:
    archiver = loop[1]
    eventually(lambda: archived(archiver) > 0)
    own_kafka.kill()

    began = CLOCK.monotonic()
    code = archiver.end()

    assert code == 0
    assert CLOCK.monotonic() - began < 5
    archiver.start()


def test_the_archive_never_shows_a_file_that_does_not_count(
    loop: tuple[Program, Program, Client],
) -> None:
    _, archiver, client = loop
    eventually(lambda: archived(archiver) > 0)
    more(client, 200)
    archiver.kill()

    folder = archive_folder(archiver.settings)
    shown = {path.relative_to(folder).as_posix() for path in folder.rglob("*.parquet")}

    assert shown <= {file.path for file in archive.files(folder, traffic=None)}
    assert shown
    archiver.start()
