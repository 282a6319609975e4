"""The relay as a process between workers and a real Kafka: nothing lost in peace, little by kill -9."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector

from maitred.clock import SystemClock
from maitred.settings import Settings
from services.eventlog.headers import type_in
from services.eventlog.kafka import KafkaLogReader
from services.eventlog.port import Record
from services.eventlog.topics import topics_of
from services.inference.channel import SocketChannel
from services.inference.datagram import pack
from services.inference.impressions import ImpressionLog
from services.local.ports import free_port
from tests.support.impressions import encode, fresh_metrics, impression, told
from tests.support.inference import publish
from tests.support.loop import environment_of, loop_settings
from tests.support.loop import start as start_program
from tests.support.servers import LiveKafka, LiveValkey
from tests.support.waiting import eventually

CLOCK = SystemClock()


@dataclass
class Relaying:
    """A worker's end, and a relay process that may be killed and started again."""

    settings: Settings
    sender: socket.socket
    receiver: socket.socket
    lifeline: int
    log: Path
    process: subprocess.Popen[bytes]

    def start(self) -> None:
        self.process = start(self.settings, self.receiver, self.lifeline, self.log)

    def send(self, *numbers: int) -> None:
        """Send one datagram an impression, as soon as there is room."""
        channel = SocketChannel(self.sender.fileno())
        for number in numbers:
            while not channel.send(pack(impression(number))):
                CLOCK.sleep(0.005)
        channel.close()

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(10)


def start(
    settings: Settings, receiver: socket.socket, lifeline: int, log: Path, **variables: str
) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "services.inference.relay"],
            env=environment_of(settings) | variables,
            pass_fds=(receiver.fileno(),),
            stdin=lifeline,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


@contextmanager
def relaying(folder: Path, bootstrap: str, **variables: str) -> Iterator[Relaying]:
    sender, receiver = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    lifeline, ours = os.pipe()
    with sender, receiver, os.fdopen(lifeline, "rb"), os.fdopen(ours, "wb"):
        settings = loop_settings(folder, bootstrap, impressions_fd=receiver.fileno())
        log = folder / "relay.log"
        process = start(settings, receiver, lifeline, log, **variables)
        live = Relaying(settings, sender, receiver, lifeline, log, process)
        try:
            yield live
        finally:
            live.process.kill()
            live.process.wait()


def read(settings: Settings, count: int, *, within_s: float = 20.0) -> list[Record]:
    """Read that many records of the topic; fewer when they do not come in time."""
    topics = topics_of(settings)
    bootstrap = [settings.kafka_bootstrap or ""]
    reader = KafkaLogReader(bootstrap, topics, topics.events.name, "test", clock=CLOCK)
    deadline = CLOCK.monotonic() + within_s
    found: list[Record] = []
    while len(found) < count and CLOCK.monotonic() < deadline:
        found += reader.poll(0.2)
    found += reader.poll(0.5)  # anything that should not be there
    reader.close()
    return found


def seeds(records: list[Record]) -> list[int]:
    return [int(str(told(record.value)["seed"])) for record in records]


def test_in_peace_every_impression_is_in_the_log_once_typed_and_as_offered(
    tmp_path: Path, kafka: LiveKafka
) -> None:
    offered = {number: impression(number) for number in range(2_000)}
    with relaying(tmp_path, kafka.bootstrap) as live:
        channel = SocketChannel(live.sender.fileno())
        log = ImpressionLog(channel, fresh_metrics(), later=lambda _s, _turn: None)
        for one in offered.values():
            log.offer(one)
        while not log.flush():
            CLOCK.sleep(0.01)
        channel.close()
        records = read(live.settings, len(offered))

    assert sorted(seeds(records)) == list(offered)
    assert {type_in(record.headers) for record in records} == {"impression"}
    for record in records:
        said = told(record.value)
        expected = offered[int(str(said["seed"]))]
        assert record.key == expected.user_id
        assert said == told(encode(expected))


def test_sigterm_brings_what_waits_into_the_log_first(tmp_path: Path, kafka: LiveKafka) -> None:
    with relaying(tmp_path, kafka.bootstrap) as live:
        live.send(0)
        read(live.settings, 1)
        os.kill(live.process.pid, signal.SIGSTOP)
        live.send(*range(1, 9))
        live.process.send_signal(signal.SIGTERM)
        os.kill(live.process.pid, signal.SIGCONT)
        code = live.process.wait(10)

        assert code == 0
        assert sorted(seeds(read(live.settings, 9))) == list(range(9))


def test_kill_9_loses_at_most_what_was_read_and_the_next_relay_finds_the_rest_in_the_kernel(
    tmp_path: Path, kafka: LiveKafka
) -> None:
    with relaying(tmp_path, kafka.bootstrap) as live:
        live.send(*range(50))
        assert sorted(seeds(read(live.settings, 50))) == list(range(50))  # they are safe
        live.send(*range(50, 100))
        CLOCK.sleep(0.05)
        os.kill(live.process.pid, signal.SIGSTOP)
        live.send(*range(100, 108))  # nobody reads: the kernel keeps them
        live.process.kill()
        live.process.wait()
        live.start()
        live.send(*range(108, 150))

        found = seeds(read(live.settings, 150, within_s=5))

    assert len(found) == len(set(found))
    assert {*range(50), *range(100, 150)} <= set(found)


def test_without_kafka_impressions_wait_on_disk_for_the_next_relay(
    tmp_path: Path, own_kafka: LiveKafka
) -> None:
    own_kafka.kill()
    with relaying(tmp_path, own_kafka.bootstrap) as live:
        live.send(*range(20))
        eventually(lambda: any((tmp_path / "spool").rglob("*.seg")))
        assert live.end() == 0

        own_kafka.restart()
        live.start()

        assert sorted(seeds(read(live.settings, 20))) == list(range(20))


def test_what_it_logged_and_could_not_read_is_counted_where_workers_count(
    tmp_path: Path, kafka: LiveKafka
) -> None:
    shared = tmp_path / "metrics"
    shared.mkdir()
    with relaying(tmp_path, kafka.bootstrap, PROMETHEUS_MULTIPROC_DIR=str(shared)) as live:
        live.send(*range(30))
        live.sender.send(b"no record of ours")
        read(live.settings, 30)
        assert live.end() == 0

    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(shared))  # type: ignore[no-untyped-call]
    counts = {
        outcome: registry.get_sample_value("maitred_impressions_total", {"outcome": outcome})
        for outcome in ("logged", "dropped")
    }
    assert counts == {"logged": 30, "dropped": 1}


def test_serving_starts_a_relay_and_what_was_shown_reaches_the_log(
    tmp_path: Path, kafka: LiveKafka, valkey: LiveValkey
) -> None:
    publish(valkey.url, tmp_path)
    port = free_port()
    settings = loop_settings(tmp_path, kafka.bootstrap, valkey.url, inference_port=port, workers=2)
    process = start_program("services.inference", settings=settings, log=tmp_path / "serve.log")
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
            eventually(lambda: is_ready(client), within_s=60)
            for number in range(20):
                asked = {"user_id": f"u{number}", "request_id": f"r{number}", "traffic": "load"}
                assert client.get("/v1/recommendations", params=asked).status_code == 200
            records = read(settings, 20)
            logged = 'maitred_impressions_total{outcome="logged"} 20.0'
            eventually(lambda: logged in client.get("/metrics").text, within_s=10)
    finally:
        process.terminate()
        process.wait(20)

    assert {told(record.value)["request_id"] for record in records} == {
        f"r{number}" for number in range(20)
    }
    assert {type_in(record.headers) for record in records} == {"impression"}


def is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def test_without_a_socket_it_says_who_starts_it(tmp_path: Path) -> None:
    settings = loop_settings(tmp_path, "127.0.0.1:9")
    found = subprocess.run(
        [sys.executable, "-m", "services.inference.relay"],
        env=environment_of(settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    assert found.returncode == 2
    assert "maitred serve starts it" in found.stderr


def test_workers_share_one_sending_end(tmp_path: Path, kafka: LiveKafka) -> None:
    with relaying(tmp_path, kafka.bootstrap) as live:
        channels = [SocketChannel(live.sender.fileno()) for _ in range(2)]
        for number in range(200):
            while not channels[number % 2].send(pack(impression(number))):
                CLOCK.sleep(0.005)
        for channel in channels:
            channel.close()

        assert sorted(seeds(read(live.settings, 200))) == list(range(200))
