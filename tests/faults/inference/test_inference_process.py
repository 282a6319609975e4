"""The service as the stack starts it: processes, a port, signals; and no Kafka anywhere."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

from maitred.clock import SystemClock
from maitred.priority import BACKGROUND, processors
from maitred.settings import child_environment
from services.inference.meter import FLUSH_S
from services.local.ports import free_port
from tests.support.inference import ADMIN, RECOMMENDATIONS, publish
from tests.support.servers import LiveValkey


@contextmanager
def started(
    state: Path, **settings: object
) -> Iterator[tuple[httpx.Client, subprocess.Popen[bytes]]]:
    """Yield a client of a freshly started service, ready, and its process."""
    port = free_port()
    environment = child_environment(
        state_dir=state, inference_port=port, kafka_bootstrap="127.0.0.1:1", **settings
    )
    state.mkdir()
    with (state / "log").open("wb") as log:
        command = [sys.executable, "-m", "services.inference"]
        process = subprocess.Popen(command, env=environment, stderr=log)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            clock = SystemClock()
            deadline = clock.monotonic() + 20
            while not _is_ready(client):
                assert process.poll() is None, (state / "log").read_text()
                assert clock.monotonic() < deadline, (state / "log").read_text()
                clock.sleep(0.05)
            yield client, process
    finally:
        process.kill()
        process.wait()


def _is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").status_code == 200
    except httpx.HTTPError:
        return False


def test_workers_add_up_their_metrics_stop_when_told_and_need_no_kafka(
    valkey: LiveValkey, tmp_path: Path
) -> None:
    publish(valkey.url, tmp_path)

    with started(tmp_path / "state", redis_url=valkey.url, workers=2) as (client, process):
        replies = []
        for i in range(30):
            with httpx.Client(base_url=client.base_url, trust_env=False) as fresh:
                reply = fresh.get(RECOMMENDATIONS, params={"user_id": f"u{i % 6}"})
            assert reply.status_code == 200
            replies.append(reply.json())
        SystemClock().sleep(1.5 * FLUSH_S)
        metrics = client.get("/metrics").text
        key = (tmp_path / "state/admin.key").read_text().strip()
        models = client.get("/v1/models", headers={"Authorization": f"Bearer {key}"})
        wrong = client.get("/v1/models", headers=ADMIN)
        clock = SystemClock()
        told = clock.monotonic()
        process.send_signal(signal.SIGTERM)  # while the client's connection is open and idle
        process.wait(20)
        stop_s = clock.monotonic() - told

    assert {reply["rung"] for reply in replies} >= {"personalised"}
    counted = [
        float(line.rpartition(" ")[2])
        for line in metrics.splitlines()
        if line.startswith("maitred_recommendations_total{") and 'traffic="live"' in line
    ]
    assert sum(counted) == 30
    assert stop_s < 10  # five, on a machine that has nothing else to do
    assert "Traceback" not in (tmp_path / "state/log").read_text()
    assert (models.status_code, wrong.status_code) == (200, 401)
    assert (tmp_path / "state/admin.key").stat().st_mode & 0o777 == 0o600


def test_a_worker_has_a_processor_and_the_relay_gives_way(
    valkey: LiveValkey, tmp_path: Path
) -> None:
    with started(tmp_path / "state", redis_url=valkey.url) as (_, process):
        usual = psutil.Process().nice()
        found = {
            " ".join(child.cmdline()): (child.nice() - usual, child.cpu_affinity())
            for child in psutil.Process(process.pid).children()
        }
    [relay] = [how for command, how in found.items() if "inference.relay" in command]
    [worker] = [how for command, how in found.items() if "web.worker" in command]

    assert relay == (BACKGROUND, list(processors()))
    assert worker == (0, list(processors())[:1])
