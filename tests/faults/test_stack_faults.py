"""What happens to the stack when something, or the supervisor itself, is killed or told to end."""

import signal
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from maitred.clock import SystemClock
from maitred.errors import StackRefused
from maitred.settings import Settings
from services.local.detached import start_detached, take_down
from services.local.folder import Record, StackFolder
from services.local.processes import Child, identity_of
from services.local.stack import running
from tests.support.servers import LiveKafka, LiveValkey
from tests.support.stacks import (
    CONSUMER,
    EXAMPLE_SUPERVISOR,
    INFERENCE,
    StackProcess,
    example,
    maitred,
    none_alive,
    status_of,
)

Starter = Callable[[], StackProcess]


@pytest.fixture
def start(valkey: LiveValkey, kafka: LiveKafka, tmp_path: Path) -> Iterator[Starter]:
    """Start supervisors on one folder, each in a process of its own."""
    started: list[StackProcess] = []

    def begin() -> StackProcess:
        stack = StackProcess.start(
            tmp_path / "state", redis_url=valkey.url, kafka_bootstrap=kafka.bootstrap
        )
        started.append(stack)
        return stack.wait_ready()

    yield begin
    for stack in started:
        stack.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_leave_no_process(start: Starter, number: int) -> None:
    stack = start()
    identities = stack.identities()

    code, said = stack.end(number)

    assert (code, said) == (0, "")
    assert len(identities) == 2
    assert none_alive(identities)
    assert status_of(stack.folder.root)[1]["state"] == "stopped"


def test_a_second_up_on_the_folder_is_refused_with_the_urls_of_the_first(start: Starter) -> None:
    stack = start()
    url = status_of(stack.folder.root)[1]["services"]["inference"]["url"]

    for options in ((), ("--detach",)):
        second = maitred("up", "--state", str(stack.folder.root), *options)

        assert second.returncode == 1
        assert url in second.stderr
        assert "maitred down" in second.stderr
    assert status_of(stack.folder.root)[0] == 0


def test_down_ends_a_stack_and_says_what(start: Starter) -> None:
    stack = start()
    identities = stack.identities()

    first = maitred("down", "--state", str(stack.folder.root))
    second = maitred("down", "--state", str(stack.folder.root))

    assert (first.returncode, first.stdout) == (0, "stopped: inference, consume-features\n")
    assert none_alive(identities)
    assert (second.returncode, second.stdout[:12]) == (0, "nothing runs")


def test_after_kill_9_of_the_supervisor_the_next_up_cleans_up(start: Starter) -> None:
    first = start()
    left = first.identities()
    family = status_of(first.folder.root)[1]["services"]["consume-features"]["pids"]

    first.end(signal.SIGKILL)
    orphaned = [identity_of(pid) for pid in family]
    code, status = status_of(first.folder.root)
    second = start()

    assert all(orphaned), "nobody killed the programs"
    assert (code, status["state"]) == (1, "degraded")
    assert none_alive(left)
    assert not any(identity_of(pid) for pid in family)
    assert not none_alive(second.identities())


def test_after_kill_9_of_the_supervisor_down_cleans_up(start: Starter) -> None:
    stack = start()
    left = stack.identities()
    stack.end(signal.SIGKILL)

    done = maitred("down", "--state", str(stack.folder.root))

    assert done.returncode == 0
    assert none_alive(left)


def test_a_stranger_with_a_recorded_pid_is_left_alone(start: Starter, tmp_path: Path) -> None:
    stack = start()
    stack.end(signal.SIGTERM)
    stranger = Child.spawn(("sleep", "60"), {}, tmp_path / "stranger.log")
    record = stack.folder.read()
    assert record is not None
    entry = replace(record.services["inference"], pid=stranger.pid, started="another boot:1")
    stack.folder.write(Record("running", record.supervisor, {"inference": entry}))

    done = maitred("down", "--state", str(stack.folder.root))
    alive = stranger.exit_code() is None
    stranger.kill()

    assert done.returncode == 0
    assert alive


def test_a_killed_program_is_started_again_on_its_port(
    valkey: LiveValkey, kafka: LiveKafka, tmp_path: Path
) -> None:
    settings = Settings(
        state_dir=tmp_path,
        redis_url=valkey.url,
        kafka_bootstrap=kafka.bootstrap,
        inference_port=0,
    )
    with running(settings, (INFERENCE, CONSUMER)) as stack:
        url = stack.urls["inference"]
        before = stack.kill("inference")
        stack.supervisor.server("inference").child.process.wait()
        degraded = stack.status()["state"]
        stack.wait_healthy("inference", other_than=before, within_s=20)
        status = stack.status()

    assert degraded == "degraded"
    assert status["state"] == "running"
    assert status["services"]["inference"]["url"] == url
    assert status["services"]["inference"]["pids"] != [before]


def test_a_killed_server_is_started_again_with_its_data(kafka: LiveKafka, tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path, kafka_bootstrap=kafka.bootstrap, valkey_port=0)
    with running(settings, ()) as stack, redis.Redis.from_url(stack.urls["valkey"]) as client:
        client.set("diner", "kept")
        client.execute_command("WAITAOF", 1, 0, 5000)  # written to the file

        before = stack.kill("valkey")
        stack.wait_healthy("valkey", other_than=before, within_s=20)
        kept = client.get("diner")

    assert kept == b"kept"


def test_a_program_that_ignores_sigterm_is_killed_in_bounded_time(
    valkey: LiveValkey, kafka: LiveKafka, tmp_path: Path
) -> None:
    settings = Settings(state_dir=tmp_path, redis_url=valkey.url, kafka_bootstrap=kafka.bootstrap)
    stubborn = replace(example("ingest", "ingest_port", "stubborn"), stop_within_s=0.5)
    with running(settings, (stubborn,)) as stack:
        identity = stack.supervisor.server("ingest").identity
        started = time.monotonic()
    took = time.monotonic() - started

    assert identity is not None
    assert none_alive([identity])
    assert took < 5


def test_detached_it_is_healthy_on_return_and_outlives_the_command(
    valkey: LiveValkey, kafka: LiveKafka, tmp_path: Path
) -> None:
    settings = Settings(
        state_dir=tmp_path,
        redis_url=valkey.url,
        kafka_bootstrap=kafka.bootstrap,
        inference_port=0,
    )
    folder = StackFolder.at(tmp_path)

    supervisor = start_detached(settings, folder, SystemClock(), command=EXAMPLE_SUPERVISOR)
    code, status = status_of(tmp_path)
    take_down(folder, SystemClock())

    assert supervisor.wait(timeout=5) == 0
    assert (code, status["state"]) == (0, "running")
    assert status_of(tmp_path)[1]["state"] == "stopped"


def test_detached_a_refusal_is_the_supervisors_own(
    valkey: LiveValkey, kafka: LiveKafka, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        settings = Settings(
            state_dir=tmp_path,
            redis_url=valkey.url,
            kafka_bootstrap=kafka.bootstrap,
            inference_port=port,
        )

        with pytest.raises(StackRefused, match=f"port {port}") as refusal:
            start_detached(
                settings, StackFolder.at(tmp_path), SystemClock(), command=EXAMPLE_SUPERVISOR
            )

    assert "MAITRED_INFERENCE_PORT" in (refusal.value.next_step or "")
