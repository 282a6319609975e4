"""Faults made while load goes on, on a real stack: struck, seen in the figures, and undone."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from loadtests.campaign import Campaign, Place
from loadtests.faults import KafkaKill, ValkeyStall
from loadtests.scenarios import SCENARIOS
from loadtests.stack import Stack
from loadtests.upgrades import Swap
from maitred.artifact import Verdict
from maitred.client import Aim
from maitred.clock import SystemClock
from maitred.errors import Refused
from maitred.settings import child_environment
from maitred.store import models
from maitred.store.client import connect
from tests.support.inference import publish
from tests.support.models import tiny_run
from tests.support.repository import ROOT
from tests.support.stacks import maitred, status_of
from tests.support.waiting import eventually

ANY_PORT = {f"{name}_port": 0 for name in ("inference", "ingest", "console", "valkey", "kafka")}
CLOCK = SystemClock()


def never_over(seconds: float) -> bool:
    CLOCK.sleep(seconds)
    return False


def answers(url: str) -> bool:
    """Whether a Valkey says PONG within half a second."""
    port = int(url.partition("//")[2].partition("/")[0].rpartition(":")[2])
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.5) as wire:
        wire.settimeout(0.5)
        wire.sendall(b"PING\r\n")
        return wire.recv(16).startswith(b"+PONG")
    return False


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    home = tmp_path_factory.mktemp("load-faults")
    up = maitred("up", "--detach", "--state", str(home / "state"), **ANY_PORT)
    assert up.returncode == 0, up.stderr
    try:
        url = Stack.of(status_of(home / "state")[1]).redis_url
        version = publish(url, home)
        eventually(lambda: status_of(home / "state")[1]["models"]["clicks"] == version)
        yield Stack.of(status_of(home / "state")[1])
    finally:
        down = maitred("down", "--state", str(home / "state"))
        assert down.returncode == 0, down.stderr


def test_a_swap_without_a_second_model_says_how_to_make_one(stack: Stack) -> None:
    with pytest.raises(Refused) as refused:
        Swap(stack, CLOCK).ready()

    assert "second published clicks model" in str(refused.value)
    assert "maitred train" in str(refused.value.next_step)


def test_a_stalled_valkey_does_not_answer_and_does_again(stack: Stack) -> None:
    seen: list[bool] = []

    def wait(_seconds: float) -> bool:
        seen.append(answers(stack.redis_url))
        return True

    note = ValkeyStall(stack, lasts_s=0.5).strike(wait)

    assert seen == [False]
    assert answers(stack.redis_url)
    assert "SIGSTOP" in note


def test_a_stalled_valkey_goes_on_whatever_happens(stack: Stack) -> None:
    def wait(_seconds: float) -> bool:
        msg = "interrupted"
        raise KeyboardInterrupt(msg)

    with pytest.raises(KeyboardInterrupt):
        ValkeyStall(stack).strike(wait)

    assert answers(stack.redis_url)


def test_a_server_that_settings_name_is_left_alone(stack: Stack, tmp_path: Path) -> None:
    elsewhere = Stack(tmp_path, stack.inference_url, stack.redis_url, (), {})

    with pytest.raises(Refused):
        ValkeyStall(elsewhere).strike(never_over)

    assert answers(stack.redis_url)


def test_two_models_take_turns_and_the_first_one_serves_in_the_end(
    stack: Stack, tmp_path: Path
) -> None:
    with connect(stack.redis_url) as redis:
        first = str(models.current(redis).clicks)
        verdict = Verdict(passed=True, champion=first, checks=[])
        second = models.publish(redis, tiny_run(tmp_path / "second", seed=2) / "model", verdict)
    swap = Swap(stack, CLOCK)

    swap.ready()
    notes = [swap.strike(never_over), swap.strike(never_over), swap.strike(never_over)]
    swap.undo()

    assert f"{first} → {second}" in notes[0]
    assert f"{second} → {first}" in notes[1]
    with connect(stack.redis_url) as redis:
        assert models.current(redis).clicks == first


def test_a_run_with_faults_knows_when_they_were_and_nothing_fails(
    stack: Stack, tmp_path: Path
) -> None:
    users = tmp_path / "users.txt"
    users.write_text("u1\nu2\nu3\n", encoding="utf-8")
    killed = stack.services["kafka"].pids
    place = Place(stack.inference_url, stack, stack.model_folder("clicks"), users)
    campaign = Campaign(place, CLOCK, rate=40.0, seconds=1.0)

    made = campaign.with_faults(
        Aim(), SCENARIOS["browse"], [ValkeyStall(stack, lasts_s=2.0), KafkaKill(stack, CLOCK)]
    )

    faults = made.summary["faults"]
    assert faults["problems"] == []
    assert [window.kind for window in made.windows] == ["valkey-stall", "kafka-kill"]
    assert not any(psutil.pid_exists(pid) for pid in killed)
    # A busy machine may be late; nothing may be wrong or lost.
    assert set(made.summary["failures_by_kind"]) <= {"late"}
    assert faults["during"]["valkey-stall"]["personalised_share"] < 0.2
    assert made.summary["degraded"]["store"] > 0
    assert faults["outside_personalised_share"] > 0.8
    assert status_of(stack.state_dir)[1]["services"]["kafka"]["healthy"]


def test_a_load_that_is_told_to_end_lets_valkey_go_on(stack: Stack, tmp_path: Path) -> None:
    with subprocess.Popen(
        [
            sys.executable, "-m", "loadtests.run", "--state", str(stack.state_dir),
            "--faults", "valkey-stall", "--rate", "20", "--seconds", "1", "--people", "0",
            "--objectives", "clicks",
        ],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tmp_path,
        env={**child_environment(), "PYTHONPATH": str(ROOT)},
    ) as load:  # fmt: skip
        eventually(lambda: not answers(stack.redis_url), within_s=60)

        load.terminate()
        began = CLOCK.monotonic()
        load.wait(timeout=30)

    assert load.returncode == 128 + signal.SIGTERM
    assert CLOCK.monotonic() - began < 5.0  # and not the ten seconds of the stall
    assert answers(stack.redis_url)


def test_make_load_writes_a_page_with_the_faults_in_it(stack: Stack, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable, "-m", "loadtests.run", "--state", str(stack.state_dir),
            "--faults", "swap", "--rate", "30", "--seconds", "1", "--people", "0",
            "--objectives", "clicks",
        ],
        check=False, capture_output=True, text=True, cwd=tmp_path, timeout=120,
        env={**child_environment(), "PYTHONPATH": str(ROOT)},
    )  # fmt: skip

    reports = tmp_path / ".maitred" / "reports"
    content = json.loads((reports / "load.json").read_text(encoding="utf-8"))
    assert done.returncode == {"passed": 0, "failed": 1, "void": 3}[content["verdict"]], done.stderr
    windows = content["timelines"]["clicks with faults"]["windows"]
    assert [window["kind"] for window in windows] == ["swap"] * 2
    assert content["open_loop"]["clicks with faults"]["faults"]["problems"] == []
    assert "clicks with faults" in (reports / "load.html").read_text(encoding="utf-8")
