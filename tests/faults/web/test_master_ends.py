"""How a master and its processes end: told to, twice, by a terminal, by kill -9."""

import os
import pty
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from maitred.settings import child_environment
from tests.support.masters import CLOCK, COMMAND, LiveMaster, is_alive, mastered
from tests.support.waiting import eventually


@pytest.fixture
def one(tmp_path: Path) -> Iterator[LiveMaster]:
    with mastered(tmp_path / "state") as live:
        yield live


def test_a_slow_request_is_answered_before_the_end(one: LiveMaster) -> None:
    replies: list[httpx.Response] = []
    asking = threading.Thread(target=lambda: replies.append(one.get("/slow/1.5")))
    asking.start()
    CLOCK.sleep(0.3)

    told = CLOCK.monotonic()
    code = one.end()

    asking.join(5)
    assert [reply.status_code for reply in replies] == [200]
    assert replies[0].headers["connection"] == "close"
    assert code == 0
    assert 1.0 < CLOCK.monotonic() - told < 5.0


def test_a_kept_alive_connection_is_answered_once_more_and_told_to_close(one: LiveMaster) -> None:
    with httpx.Client(base_url=one.url, trust_env=False) as client:
        before = client.get("/pid")
        one.process.terminate()
        CLOCK.sleep(0.4)

        last = client.get("/pid")
        code = one.process.wait(10)

    assert "connection" not in before.headers
    assert (last.status_code, last.headers["connection"]) == (200, "close")
    assert last.json()["pid"] == before.json()["pid"]
    assert code == 0


def test_connections_leave_one_after_another(one: LiveMaster) -> None:
    with ExitStack() as stack:
        clients = [
            stack.enter_context(httpx.Client(base_url=one.url, trust_env=False)) for _ in range(20)
        ]
        for client in clients:
            client.get("/pid")
        one.process.terminate()
        CLOCK.sleep(0.3)  # of the 0.8 s in which all leave

        told = [client.get("/pid").headers.get("connection") == "close" for client in clients]
        code = one.process.wait(10)

    assert 2 <= sum(told) <= 18
    assert code == 0


def test_an_endless_request_does_not_keep_it_beyond_five_seconds(one: LiveMaster) -> None:
    asking = threading.Thread(target=lambda: failed.append(fails(one, "/slow/60")))
    failed: list[bool] = []
    asking.start()
    CLOCK.sleep(0.3)

    told = CLOCK.monotonic()
    code = one.end()

    asking.join(5)
    assert CLOCK.monotonic() - told < 7.0  # five on a machine that has nothing else to do
    assert (code, failed) == (0, [True])
    assert (one.state / "closed").exists()  # cancelled, not killed


def test_a_second_signal_is_less_patient(one: LiveMaster) -> None:
    asking = threading.Thread(target=fails, args=(one, "/slow/60"))
    asking.start()
    CLOCK.sleep(0.3)
    told = CLOCK.monotonic()
    one.process.terminate()
    CLOCK.sleep(0.5)

    code = one.end(signal.SIGINT)

    asking.join(5)
    assert CLOCK.monotonic() - told < 2.5
    assert code == 0
    assert (one.state / "closed").exists()  # hurried, not killed


def fails(live: LiveMaster, path: str) -> bool:
    try:
        return live.get(path).status_code != 200
    except httpx.TransportError:
        return True


def test_nothing_survives_a_master_that_is_killed(one: LiveMaster) -> None:
    pids = [*one.workers(), one.companion()]

    one.process.kill()
    one.process.wait(5)

    eventually(lambda: not any(map(is_alive, pids)))
    with mastered(one.state):  # the folder and its lock are free again
        pass


def test_ctrl_c_in_a_terminal_reaches_the_master_alone(tmp_path: Path) -> None:
    with mastered(tmp_path / "state") as live, httpx.Client(base_url=live.url) as client:
        for pid in [*live.workers(), live.companion()]:
            os.kill(pid, signal.SIGINT)
            os.kill(pid, signal.SIGHUP)
        CLOCK.sleep(0.5)
        still = client.get("/pid").json()["pid"]
        same = live.workers()

        code = live.end(signal.SIGINT)

    assert same == [still]
    assert code == 0
    assert "KeyboardInterrupt" not in live.log()


def test_it_ends_with_the_terminal_that_it_was_started_from(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    environment = child_environment(state_dir=tmp_path, inference_port=0)
    in_terminal = ["sh", "-c", f'exec "$@" < {os.ttyname(theirs)}', "sh", *COMMAND]
    process = subprocess.Popen(
        in_terminal,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(theirs)
    live = LiveMaster(process, tmp_path, 0)
    try:
        eventually((tmp_path / "programs/inference-0/master.json").exists)
        eventually(lambda: live.record().phase == "running")

        os.close(ours)

        assert process.wait(10) == 0
        assert not any(map(is_alive, live.workers()))
    finally:
        process.kill()
        process.wait(5)
