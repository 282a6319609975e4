"""Accepted events through kill -9 of every process of the loop and of the broker: once, always."""

import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from maitred import archive
from maitred.clock import SystemClock
from maitred.settings import Settings
from services.consumers.audit import audit_archive
from services.consumers.deps import archive_folder
from services.local.ports import free_port
from tests.support.loop import click, loop_settings, start
from tests.support.servers import LiveKafka
from tests.support.waiting import eventually

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
        return self.process.wait(20)


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


@dataclass
class Loop:
    """Ingest and archiver as processes, and a client that never rests."""

    ingest: Program
    archiver: Program
    client: Client

    @property
    def folder(self) -> Path:
        return archive_folder(self.archiver.settings)

    def more(self, count: int) -> None:
        """Wait until so many more events were accepted."""
        goal = len(self.client.accepted) + count
        eventually(lambda: len(self.client.accepted) >= goal, within_s=60)

    def stop_client(self) -> None:
        self.client.is_done.set()
        CLOCK.sleep(0.2)

    def assert_archived_once(self) -> None:
        accepted = list(self.client.accepted)
        eventually(lambda: not audit_archive(self.folder, accepted).missing, within_s=60)
        found = audit_archive(self.folder, accepted)
        assert found.is_sound, found.as_dict()


@contextmanager
def running(state: Path, bootstrap: str) -> Iterator[Loop]:
    port = free_port()
    settings = loop_settings(state, bootstrap, ingest_port=port)
    state.mkdir()
    ingest = Program("services.ingest", (), settings)
    archiver = Program("services.consumers", ("archive",), settings)
    client = Client(f"http://127.0.0.1:{port}")
    ingest.start()
    archiver.start()
    thread = threading.Thread(target=client.run)
    thread.start()
    try:
        yield Loop(ingest, archiver, client)
    finally:
        client.is_done.set()
        thread.join(10)
        ingest.kill()
        archiver.kill()


def test_through_kill_9_of_the_archiver(tmp_path: Path, kafka: LiveKafka) -> None:
    with running(tmp_path / "state", kafka.bootstrap) as loop:
        eventually(lambda: archive.count(loop.folder) > 0)

        for pause_s in (0.4, 1.3, 0.9):
            loop.more(100)
            CLOCK.sleep(pause_s)
            loop.archiver.kill()
            shown = {path.relative_to(loop.folder).as_posix() for path in parquet(loop.folder)}
            assert shown <= {file.path for file in archive.files(loop.folder)}
            loop.archiver.start()
        loop.stop_client()

        loop.assert_archived_once()


def test_through_a_broker_that_freezes_and_dies_and_kill_9_of_ingest(
    tmp_path: Path, own_kafka: LiveKafka
) -> None:
    with running(tmp_path / "state", own_kafka.bootstrap) as loop:
        loop.more(100)
        own_kafka.stop()
        loop.more(100)  # accepted onto the disk
        own_kafka.cont()
        loop.more(100)
        own_kafka.kill()
        loop.more(100)
        metrics = httpx.get(f"{loop.client.url}/metrics").text
        loop.ingest.kill()
        loop.ingest.start()
        loop.more(100)
        own_kafka.restart()
        loop.more(100)
        loop.stop_client()

        assert "maitred_events_spooled_total 0.0" not in metrics
        loop.assert_archived_once()
        assert httpx.get(f"{loop.client.url}/readyz").json()["spooled"] == 0
        assert loop.ingest.end() == 0
        own_kafka.kill()
        began = CLOCK.monotonic()
        assert loop.archiver.end() == 0
        assert CLOCK.monotonic() - began < 5


def parquet(folder: Path) -> list[Path]:
    return list(folder.rglob("*.parquet"))
