"""``maitred reload``: the stack's inference service gets new processes, at a user's word."""

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import psutil  # type: ignore[import-untyped]
import pytest

from maitred.settings import Settings
from services.local.programs import PROGRAMS
from services.local.stack import Stack, running
from services.web.folder import MasterRecord, find_master
from tests.support.servers import LiveKafka, LiveValkey
from tests.support.stacks import EXAMPLES, maitred
from tests.support.waiting import eventually

INFERENCE = next(program for program in PROGRAMS if program.name == "inference")
TINY = replace(INFERENCE, arguments=("-m", "tests.support.web_app"))


@pytest.fixture
def settings(valkey: LiveValkey, kafka: LiveKafka, tmp_path: Path) -> Settings:
    return Settings(
        state_dir=tmp_path / "state",
        redis_url=valkey.url,
        kafka_bootstrap=kafka.bootstrap,
        inference_port=0,
        workers=2,
    )


@pytest.fixture
def stack(settings: Settings) -> Iterator[Stack]:
    with running(settings, (INFERENCE,)) as stack:
        await_all(stack)
        yield stack


def await_all(stack: Stack) -> None:
    """The stack is content with the first worker that answers."""
    eventually(lambda: record_of(stack).phase == "running")


def record_of(stack: Stack) -> MasterRecord:
    folder = find_master(stack.folder.root, "inference", stack.pid("inference"))
    record = folder and folder.read()
    assert record is not None
    return record


def test_a_reload_replaces_every_worker_and_says_so(stack: Stack) -> None:
    before = record_of(stack)

    done = maitred("reload", "--json", "--state", str(stack.folder.root))

    told = json.loads(done.stdout)
    after = record_of(stack)
    assert (done.returncode, after.phase, after.rolls) == (0, "running", 1)
    assert told["master"] == before.pid == after.pid
    assert told["old_workers"] == [worker.pid for worker in before.workers]
    assert told["new_workers"] == [worker.pid for worker in after.workers]
    assert not set(told["old_workers"]) & set(told["new_workers"])
    assert not any(map(psutil.pid_exists, told["old_workers"]))
    assert httpx.get(f"{stack.urls['inference']}/readyz", trust_env=False).status_code == 200


def test_a_reload_during_a_restart_waits_for_one_of_its_own(stack: Stack) -> None:
    os.kill(stack.pid("inference"), signal.SIGHUP)
    eventually(lambda: record_of(stack).phase == "rolling")

    done = maitred("reload", "--state", str(stack.folder.root))

    assert done.returncode == 0
    assert (record_of(stack).rolls, record_of(stack).phase) == (2, "running")


def test_a_person_is_told_in_words(stack: Stack) -> None:
    done = maitred("reload", "--state", str(stack.folder.root))

    assert done.returncode == 0
    for worker in record_of(stack).workers:
        assert str(worker.pid) in done.stdout


def test_a_reload_that_cannot_work_is_refused_and_the_old_workers_go_on(
    settings: Settings,
) -> None:
    with running(settings, (TINY,)) as stack:
        await_all(stack)
        before = record_of(stack)
        (settings.state_dir / "broken").touch()

        done = maitred("reload", "--state", str(settings.state_dir))

        after = record_of(stack)
    assert done.returncode == 1
    assert "the old processes go on" in done.stderr
    assert "the kitchen is closed" in done.stderr
    assert after.workers == before.workers


def test_status_lists_master_and_workers_and_their_memory(stack: Stack) -> None:
    record = record_of(stack)

    inference = stack.status()["services"]["inference"]

    children = [worker.pid for worker in record.workers]
    family = [record.pid, *children, *record.companions.values()]
    resident = sum(psutil.Process(pid).memory_info().rss for pid in family)
    assert inference["pids"][0] == record.pid
    assert sorted(inference["pids"]) == sorted(family)
    assert inference["rss_bytes"] == pytest.approx(resident, rel=0.1)


def test_a_killed_worker_is_healed_behind_the_supervisors_back(stack: Stack) -> None:
    record = record_of(stack)
    os.kill(record.workers[0].pid, signal.SIGKILL)

    eventually(lambda: record.workers[0] not in record_of(stack).workers)
    eventually(lambda: [worker.ready for worker in record_of(stack).workers] == [True, True])

    assert stack.pid("inference") == record.pid
    assert stack.status()["state"] == "running"


def test_without_a_stack_there_is_nothing_to_reload(tmp_path: Path) -> None:
    done = maitred("reload", "--state", str(tmp_path))

    assert done.returncode == 1
    assert "no inference service runs" in done.stderr
    assert "maitred up" in done.stderr


def test_a_service_that_is_no_master_is_not_signalled(settings: Settings) -> None:
    with running(settings, EXAMPLES) as stack:
        pid = stack.pid("inference")

        done = maitred("reload", "--state", str(stack.folder.root))

        assert stack.pid("inference") == pid
        assert stack.supervisor.server("inference").exit_code() is None
    assert done.returncode == 1
    assert "no master of ours" in done.stderr
